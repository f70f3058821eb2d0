"""What is missing from a transcript: speech without words, loud sound without words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dalston_crds.transcript import Segment, Word
from dalston_engines.stages.completeness import (
    GAP_SECONDS,
    LOUD_SECONDS,
    REACH_SECONDS,
    covered,
    gaps,
    uncovered,
    unexplained,
)
from dalston_engines.stages.part_documents import Region


def regions(*spans: tuple[float, float]) -> tuple[Region, ...]:
    return tuple(Region(start=start, end=end) for start, end in spans)


def spans(found: tuple[Region, ...]) -> list[tuple[float, float]]:
    return [(region.start, region.end) for region in found]


def segment(*words: tuple[float, float]) -> Segment:
    spoken = tuple(Word(text="word", start=start, end=end) for start, end in words)
    return Segment(start=words[0][0], end=words[-1][1], text="words", words=spoken)


def untimed(start: float, end: float) -> Segment:
    return Segment(start=start, end=end, text="words")


def test_words_cover_their_own_time_and_as_much_around_it_as_they_reach():
    assert spans(covered([segment((1.0, 2.0))], reach=0.3)) == [(0.7, 2.3)]


def test_the_time_between_words_is_not_covered_by_their_segment():
    assert len(covered([segment((1.0, 2.0), (8.0, 9.0))])) == 2


def test_a_segment_without_words_covers_its_own_time():
    assert spans(covered([untimed(1.0, 5.0)])) == [(1.0, 5.0)]


def test_words_are_merged_in_order_whatever_the_order_of_segments():
    found = covered([segment((4.5, 6.0)), segment((1.0, 2.0)), segment((2.0, 4.6))])
    assert spans(found) == [(1.0, 6.0)]


def test_a_word_inside_a_longer_one_does_not_end_it():
    assert spans(covered([untimed(1.0, 9.0), untimed(2.0, 3.0)])) == [(1.0, 9.0)]


@pytest.mark.parametrize(
    ("cover", "left"),
    [
        ([], [(10, 20)]),
        ([(0, 5)], [(10, 20)]),
        ([(25, 30)], [(10, 20)]),
        ([(8, 22)], []),
        ([(8, 12)], [(12, 20)]),
        ([(18, 22)], [(10, 18)]),
        ([(12, 14), (16, 17)], [(10, 12), (14, 16), (17, 20)]),
        ([(10.5, 19.5)], []),
    ],
)
def test_what_no_word_covers_is_left(cover, left):
    assert spans(uncovered(regions((10, 20)), regions(*cover), 1.0)) == left


def test_speech_of_a_second_without_words_is_a_gap():
    speech = regions((0, 4), (10, 10 + GAP_SECONDS), (20, 20.9))
    assert spans(gaps(speech, [segment((0.0, 2.0), (3.0, 4.0))])) == [(2, 3), (10, 11)]


def test_loud_syllables_of_one_utterance_are_one_stretch():
    syllables = regions(*((0.5 * n, 0.5 * n + 0.3) for n in range(6)))
    assert spans(unexplained(syllables, [])) == [(0.0, 2.8)]


def test_a_word_explains_the_sound_next_to_it():
    loud = regions((1, 4))
    assert unexplained(loud, [segment((1.3, 2.0), (3.0, 3.7))]) == ()
    assert spans(unexplained(loud, [segment((1.0, 2.0))])) == [(2 + REACH_SECONDS, 4)]


def test_claps_are_not_counted():
    assert unexplained(regions((1, 1.5), (3, 3 + LOUD_SECONDS - 0.1)), []) == ()


MOMENTS = st.floats(0, 100)
SPANS = st.lists(st.tuples(MOMENTS, st.floats(0.1, 20)), max_size=8).map(
    lambda items: regions(*sorted((start, start + length) for start, length in items))
)


@given(SPANS, SPANS)
def test_what_is_left_is_inside_speech_and_outside_words(speech, words):
    cover = covered([untimed(word.start, word.end) for word in words])
    for piece in uncovered(speech, cover, GAP_SECONDS):
        assert any(r.start <= piece.start and piece.end <= r.end for r in speech)
        assert all(span.end <= piece.start or span.start >= piece.end for span in cover)


@given(SPANS, SPANS)
def test_every_moment_of_speech_is_covered_or_left(speech, words):
    cover = covered([untimed(word.start, word.end) for word in words])
    left = uncovered(speech, cover, 0.0)
    for region in speech:
        for moment in (region.start, (region.start + region.end) / 2, region.end):
            assert any(span.start <= moment <= span.end for span in (*cover, *left))
