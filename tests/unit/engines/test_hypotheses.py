"""Engines are held to their word: times, confidence, and what they did not give."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dalston_crds.transcript import Character, Segment, Token, Word
from dalston_crds.v1alpha1 import Timestamps
from dalston_engines.stages.hypotheses import TAIL_SECONDS, lacks_words, on_media_clock
from dalston_engines.stages.part_documents import Region

HEARD = Region(start=100.0, end=110.0)


def placed(segment: Segment, *speech: tuple[float, float]) -> Segment:
    regions = [Region(start=start, end=end) for start, end in speech]
    (found,) = on_media_clock([segment], HEARD, regions)
    return found


def timed(*words: Word) -> Segment:
    return Segment(start=0.0, end=10.0, text="some words", words=words)


def word(start: float, end: float, confidence: float | None = None) -> Word:
    return Word(text="word", start=start, end=end, confidence=confidence)


def test_times_count_from_the_start_of_the_media():
    found = placed(timed(word(1.0, 1.5), word(2.0, 2.5)))
    assert found.words is not None
    assert [(w.start, w.end) for w in found.words] == [(101.0, 101.5), (102.0, 102.5)]
    assert (found.start, found.end) == (101.0, 102.5)


def test_a_segment_without_text_is_dropped():
    assert on_media_clock([Segment(start=0, end=5, text="  ")], HEARD, []) == ()


def test_segments_come_in_order_of_time():
    late, early = Segment(start=5, end=6, text="b"), Segment(start=1, end=2, text="a")
    assert [item.text for item in on_media_clock([late, early], HEARD, [])] == ["a", "b"]


def test_a_segment_ends_soon_after_the_speech_inside_it():
    found = placed(Segment(start=0, end=9, text="words"), (100.0, 103.0), (120.0, 121.0))
    assert found.end == 103.0 + TAIL_SECONDS


def test_a_segment_that_no_speech_explains_keeps_its_times():
    assert placed(Segment(start=1, end=3, text="words"), (108.0, 109.0)).end == 103.0


def test_an_empty_list_of_words_is_no_list():
    assert placed(timed()).words is None


@pytest.mark.parametrize(
    ("wanted", "lacking"),
    [
        (Timestamps.NONE, False),
        (Timestamps.SEGMENT, False),
        (Timestamps.WORD, True),
        (Timestamps.CHARACTER, True),
    ],
)
def test_words_are_missing_only_where_they_were_asked_for(wanted, lacking):
    assert lacks_words([Segment(start=0, end=1, text="words")], wanted) is lacking
    assert not lacks_words([timed(word(0, 1))], wanted)


def test_the_engines_own_confidence_stands():
    assert placed(timed(word(0, 1, 0.2)).model_copy(update={"confidence": 0.7})).confidence == 0.7


def test_a_segments_confidence_is_the_mean_of_its_words():
    assert placed(timed(word(0, 1, 0.4), word(1, 2, 0.8), word(2, 3))).confidence == 0.6


def test_a_segments_confidence_comes_from_token_probabilities():
    tokens = (Token(text="a", logprob=-0.2), Token(text="b", logprob=-0.4), Token(text="c"))
    found = placed(timed(word(0, 1)).model_copy(update={"tokens": tokens}))
    assert found.confidence == pytest.approx(math.exp(-0.3), abs=1e-4)
    assert found.avg_logprob == pytest.approx(-0.3)


def test_no_confidence_is_made_up():
    found = placed(timed(word(0, 1)))
    assert found.confidence is None
    assert found.avg_logprob is None
    assert found.words is not None
    assert found.words[0].confidence is None


TIMES = st.floats(-50, 50)


@given(st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=6), TIMES, TIMES)
def test_all_times_are_in_order_and_inside_what_was_heard(words, start, end):
    given = (Character(text="c", start=end, end=start),)
    spoken = tuple(word(low, high).model_copy(update={"characters": given}) for low, high in words)
    found = placed(Segment(start=start, end=end, text="text", words=spoken))
    assert found.words is not None
    starts = [item.start for item in found.words]
    assert starts == sorted(starts)
    assert (found.start, found.end) == (starts[0], max(item.end for item in found.words))
    characters = tuple(item for w in found.words for item in w.characters or ())
    timed: list[Segment | Word | Character] = [found, *found.words, *characters]
    for item in timed:
        assert HEARD.start <= item.start <= item.end <= HEARD.end
