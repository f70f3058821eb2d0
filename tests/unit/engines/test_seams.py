"""What two overlapping hearings of the same speech become: each word once."""

from collections.abc import Sequence
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dalston_crds.transcript import Segment, Token, Word
from dalston_engines.stages.seams import Heard, join, join_at, trimmed

OVERLAP = 1.0
"""Seconds heard beyond the seam on either side."""
VOCABULARY = ("we", "need", "more", "time", "to", "finish", "the", "work", "in", "morning")


def spoken(texts: Sequence[str], lengths: Sequence[float], start: float = 0.0) -> list[Word]:
    ends = list(accumulate(lengths, initial=start))
    return [
        Word(text=text, start=low, end=high)
        for text, low, high in zip(texts, ends, ends[1:], strict=False)
    ]


def moved(word: Word, seconds: float, text: str = "") -> Word:
    change = {"start": word.start + seconds, "end": word.end + seconds, "text": text or word.text}
    return word.model_copy(update=change)


def middle(item: Word | Segment) -> float:
    return (item.start + item.end) / 2


def segment(words: Sequence[Word]) -> Segment:
    text = " ".join(word.text for word in words)
    return Segment(start=words[0].start, end=words[-1].end, text=text, words=tuple(words))


def segments(words: Sequence[Word], size: int = 5) -> tuple[Segment, ...]:
    return tuple(segment(words[at : at + size]) for at in range(0, len(words), size))


def joined(left: Sequence[Word], right: Sequence[Word], seam: float) -> list[str]:
    found = join([Heard(segments(left), seam), Heard(segments(right), None)])
    assert all(item.text == " ".join(w.text for w in item.words or ()) for item in found)
    return [word.text for item in found for word in item.words or ()]


def overlapping(words: Sequence[Word], seam: float) -> tuple[list[Word], list[Word]]:
    """What each side hears of the words."""
    left = [word for word in words if middle(word) < seam + OVERLAP]
    return left, [word for word in words if middle(word) >= seam - OVERLAP]


def test_stretches_that_meet_in_silence_are_put_one_after_the_other():
    left, right = segments(spoken(["one"], [0.4])), segments(spoken(["one"], [0.4], 0.1))
    assert join([Heard(left, None), Heard(right, None)]) == (*left, *right)


def test_nothing_joined_is_nothing():
    assert join([]) == ()
    assert join([Heard((), 3.0), Heard((), None)]) == ()


def test_one_silent_side_leaves_the_other_up_to_the_seam():
    words = spoken(["one", "two", "three"], [0.4, 0.4, 0.4])
    assert joined(words, [], 5.0) == ["one", "two", "three"]
    assert joined([], words, 0.0) == ["one", "two", "three"]
    assert joined(words, [], 0.5) == ["one"]


def test_without_a_common_word_each_side_keeps_its_own_up_to_the_seam():
    left = spoken(["a", "b", "c"], [0.4, 0.4, 0.4])
    right = spoken(["x", "y", "z"], [0.4, 0.4, 0.4])
    assert joined(left, right, 0.8) == ["a", "b", "z"]


def test_the_same_word_at_another_time_is_another_word():
    left, right = spoken(["yes"], [0.3], 1.0), spoken(["yes"], [0.3], 2.0)
    assert joined(left, right, 1.6) == ["yes", "yes"]


def test_case_and_punctuation_do_not_make_another_word():
    left = spoken(["It", "took", "Time."], [0.3, 0.3, 0.4])
    right = spoken(["time", "went", "by"], [0.4, 0.3, 0.3], 0.75)
    assert joined(left, right, 0.7) == ["It", "took", "Time.", "went", "by"]


def test_what_is_not_a_word_is_compared_as_it_is():
    assert joined(spoken(["?"], [0.2]), spoken(["!"], [0.2], 0.1), 0.15) == ["?", "!"]


def test_text_without_word_times_is_kept_by_its_middle():
    left = Segment(start=0.0, end=4.0, text="left"), Segment(start=4.0, end=8.0, text="cut")
    right = Segment(start=4.0, end=6.0, text="cut again"), Segment(start=5.0, end=9.0, text="right")
    kept_left, kept_right = join_at(left, right, 5.5)
    assert [item.text for item in (*kept_left, *kept_right)] == ["left", "right"]


def test_a_trimmed_segment_says_what_is_left_of_it():
    words = spoken(["one", "two", "three"], [0.4, 0.4, 0.4])
    whole = segment(words).model_copy(update={"tokens": (Token(text="one"),)})
    rest = trimmed(whole, 0.3, 5.0)
    assert rest is not None
    assert (rest.text, rest.start, rest.end) == ("two three", words[1].start, words[2].end)
    assert rest.tokens is None
    assert trimmed(whole, 0.0, 5.0) is whole
    assert trimmed(whole, 3.0, 5.0) is None


def test_a_script_without_spaces_gets_none_when_trimmed():
    words = spoken(["你", "好", "吗"], [0.4, 0.4, 0.4])
    whole = segment(words).model_copy(update={"text": "你好吗"})
    rest = trimmed(whole, 0.3, 5.0)
    assert rest is not None
    assert rest.text == "好吗"


LENGTHS = st.lists(st.floats(0.2, 0.5), min_size=20, max_size=40)
DRIFT = st.floats(-0.2, 0.2)
JITTER = st.lists(st.floats(-0.09, 0.09), min_size=40, max_size=40)
"""With DRIFT less than 0.3 s in all, and too little to change the order of words."""


@given(LENGTHS, DRIFT, JITTER, st.data())
def test_jitter_and_a_word_heard_differently_lose_and_double_nothing(lengths, drift, jitter, data):
    texts = [f"{VOCABULARY[n % len(VOCABULARY)]}{n}" for n in range(len(lengths))]
    words = spoken(texts, lengths)
    seam = data.draw(st.floats(1.2, words[-1].end - 1.2))
    left, right = overlapping(words, seam)
    right = [moved(word, drift + late) for word, late in zip(right, jitter, strict=False)]
    odd = data.draw(st.integers(0, len(right) - 1))
    right[odd] = right[odd].model_copy(update={"text": texts[-len(right) :][odd] + "?odd"})
    found = joined(left, right, seam)
    assert [text.removesuffix("?odd") for text in found] == texts


@given(
    length=st.floats(0.2, 0.5),
    count=st.integers(12, 30),
    jitter=st.lists(st.floats(-0.05, 0.05), min_size=30, max_size=30),
    data=st.data(),
)
def test_a_word_said_again_and_again_is_kept_as_often_as_it_was_said(length, count, jitter, data):
    words = spoken(["no"] * count, [length] * count)
    seam = data.draw(st.floats(1.2, words[-1].end - 1.2))
    left, right = overlapping(words, seam)
    right = [moved(word, late) for word, late in zip(right, jitter, strict=False)]
    assert len(joined(left, right, seam)) == count


@pytest.mark.parametrize("shift", [-0.08, 0.0, 0.08])
def test_no_no_no_stays_three_times_no(shift: float):
    words = spoken(["he", "said", "no", "no", "no", "to", "them"], [0.3] * 7)
    left, right = words[:5], [moved(word, shift) for word in words[3:]]
    assert joined(left, right, 1.2) == ["he", "said", "no", "no", "no", "to", "them"]


@given(LENGTHS, st.data())
def test_several_seams_lose_and_double_nothing(lengths, data):
    texts = [data.draw(st.sampled_from(VOCABULARY)) for _ in lengths]
    words = spoken(texts, lengths)
    seams = sorted(data.draw(st.sets(st.integers(1, 4), min_size=1)))
    heard, low = [], float("-inf")
    for seam in [2.5 * number for number in seams] + [None]:
        high = float("inf") if seam is None else seam
        own = [w for w in words if low - OVERLAP <= middle(w) < high + OVERLAP]
        heard.append(Heard(segments(own), seam))
        low = high
    found = [word.text for item in join(heard) for word in item.words or ()]
    assert found == texts
