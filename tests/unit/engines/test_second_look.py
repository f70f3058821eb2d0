"""What is heard again, and where the words found there go."""

import pytest

from dalston_crds.transcript import Segment, Word
from dalston_engines.stages.part_documents import Region, Window
from dalston_engines.stages.second_look import CONTEXT_SECONDS, MAX_SECONDS, filled, windows_of

GAP = Region(start=2.0, end=4.0)


def segment(*words: tuple[str, float, float]) -> Segment:
    spoken = tuple(Word(text=text, start=start, end=end) for text, start, end in words)
    text = " ".join(word.text for word in spoken)
    return Segment(start=spoken[0].start, end=spoken[-1].end, text=text, words=spoken)


HEARD = segment(("they", 1.0, 1.4), ("will", 1.4, 2.0), ("the", 4.0, 4.2), ("river", 4.2, 4.6))


def texts(segments: tuple[Segment, ...]) -> list[str]:
    return [item.text for item in segments]


def test_a_gap_is_heard_with_a_little_around_it():
    assert windows_of(GAP, ()) == (Window(start=2.0 - CONTEXT_SECONDS, end=4.0 + CONTEXT_SECONDS),)


def test_a_gap_too_long_for_one_window_is_split_where_windows_were():
    gap = Region(start=5.0, end=50.0)
    windows = (
        Window(start=0.0, end=20.0, forced_end=True),
        Window(start=20.0, end=45.0, forced_start=True, forced_end=True),
        Window(start=45.0, end=60.0, forced_start=True),
    )
    looks = windows_of(gap, windows)
    assert [(look.start, look.end) for look in looks] == [(4.7, 20.0), (20.0, 45.0), (45.0, 50.3)]
    assert [look.forced_start for look in looks] == [False, True, True]
    assert [look.forced_end for look in looks] == [True, True, False]
    assert all(look.end - look.start <= MAX_SECONDS for look in looks)


def test_what_was_found_stands_between_the_words_around_it():
    found = [segment(("build", 2.1, 2.6), ("across", 3.2, 3.9))]
    assert texts(filled([HEARD], GAP, found)) == ["they will", "build across", "the river"]


def test_a_word_around_the_gap_that_is_heard_again_is_kept_once():
    found = [segment(("will", 1.75, 2.3), ("build", 2.4, 2.6), ("the", 3.9, 4.1))]
    assert " ".join(texts(filled([HEARD], GAP, found))) == "they will build the river"


@pytest.mark.parametrize("start", [1.8, 2.1, 3.7])
def test_speech_that_begins_earlier_or_ends_later_than_detected_is_found_whole(start: float):
    far = segment(("far", 0.0, 0.5)), segment(("away", 7.0, 7.5))
    found = [segment(("word", start, start + 0.4))]
    assert texts(filled(far, GAP, found)) == ["far", "word", "away"]


def test_when_nothing_is_found_nothing_changes():
    assert filled([HEARD], GAP, []) == (HEARD,)


def test_words_without_times_are_filled_in_too():
    found = [Segment(start=2.2, end=3.8, text="build a bridge")]
    assert texts(filled([HEARD], GAP, found)) == ["they will", "build a bridge", "the river"]
