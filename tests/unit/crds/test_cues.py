"""Captions: where they break, when they show, and that nothing said is lost."""

from itertools import accumulate, chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dalston_crds.renderings import RenderOptions
from dalston_crds.renderings.cues import Cue, balance, clean, cues, timestamp, wrap
from dalston_crds.transcript import Metadata, Segment, Speaker, Transcript, Word

METADATA = Metadata(audio_duration=60, audio_channels=1, sample_rate=16_000)
PLAIN = RenderOptions()
NARROW = RenderOptions(max_line_length=10, max_lines=1)


def document(*segments: Segment, **fields: object) -> Transcript:
    return Transcript.model_validate(
        {"job_id": "job", "metadata": METADATA, "text": "", "segments": segments, **fields}
    )


def word(text: str, start: float, end: float, **fields: object) -> Word:
    return Word.model_validate({"text": text, "start": start, "end": end, **fields})


def spoken(text: str, *, words: str | None = None, step: float = 0.5) -> Segment:
    """A segment whose words follow each other without a pause, *step* seconds each."""
    timed = tuple(
        word(each, number * step, (number + 1) * step)
        for number, each in enumerate((words or text).split())
    )
    return Segment(start=0, end=len(timed) * step, text=text, words=timed)


def texts(found: tuple[Cue, ...]) -> list[str]:
    return [" ".join(cue.lines) for cue in found]


def squeezed(text: str) -> str:
    """The text without its white space: what must never be lost."""
    return "".join(clean(text).split())


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        pytest.param(0, "00:00:00,000", id="zero"),
        pytest.param(59_999, "00:00:59,999", id="just below a minute"),
        pytest.param(60_000, "00:01:00,000", id="a minute carries"),
        pytest.param(3_599_999, "00:59:59,999", id="just below an hour"),
        pytest.param(360_000_000, "100:00:00,000", id="hours may have three digits"),
    ],
)
def test_timestamp(milliseconds: int, expected: str) -> None:
    assert timestamp(milliseconds, ",") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(" a \n\n b\t", "a b", id="runs of white space become one space"),
        pytest.param("a\x00b\x85c\u2028d", "a b c d", id="so do controls and line separators"),
        pytest.param("Quoi\u00a0?", "Quoi\u00a0?", id="a no-break space inside a word stays"),
        pytest.param(" \u00a0 ", "", id="a no-break space alone is nothing"),
    ],
)
def test_clean(text: str, expected: str) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        pytest.param("aaa bbb ccc ddd", 11, ("aaa bbb", "ccc ddd"), id="lines are even"),
        pytest.param("aaa bbb", 7, ("aaa bbb",), id="a line may be exactly full"),
        pytest.param("a bbbbbbbbbbbb c", 10, ("a", "bbbbbbbbbbbb", "c"), id="a long word is whole"),
    ],
)
def test_lines_are_balanced(text: str, width: int, expected: tuple[str, ...]) -> None:
    units = [f"{each} " for each in text.split()]
    assert balance(units, width) == expected
    assert len(wrap(units, width)) == len(expected)


@pytest.mark.parametrize(
    ("segment", "options", "expected"),
    [
        pytest.param(spoken("one two"), PLAIN, [(0, 1000, "one two")], id="what fits is one cue"),
        pytest.param(
            spoken("One two, three.", words="one two three"),
            PLAIN,
            [(0, 1500, "One two, three.")],
            id="the text's punctuation is shown, not the bare words",
        ),
        pytest.param(
            spoken("aaaa. bbbb cccc"),
            NARROW,
            [(0, 500, "aaaa."), (500, 1500, "bbbb cccc")],
            id="breaks at the end of a sentence",
        ),
        pytest.param(
            Segment(
                start=0,
                end=3,
                text="aaa bbb ccc",
                words=(word("aaa", 0, 0.3), word("bbb", 1.0, 1.3), word("ccc", 1.4, 1.7)),
            ),
            NARROW,
            [(0, 300, "aaa"), (1000, 1700, "bbb ccc")],
            id="breaks at a pause",
        ),
        pytest.param(
            spoken("aa bb cc dd ee"),
            NARROW,
            [(0, 1000, "aa bb"), (1000, 2500, "cc dd ee")],
            id="halves what two cues can hold",
        ),
        pytest.param(
            spoken("a b c d", step=2.5),
            PLAIN,
            [(0, 5000, "a b"), (5000, 10_000, "c d")],
            id="no cue lasts over seven seconds",
        ),
        pytest.param(
            spoken("well", step=9),
            PLAIN,
            [(0, 9000, "well")],
            id="one word may last longer",
        ),
        pytest.param(
            Segment(start=0, end=4, text="aaaa bbbb cccc ddd"),
            NARROW,
            [(0, 2222, "aaaa bbbb"), (2222, 4000, "cccc ddd")],
            id="without word times the time is shared by characters",
        ),
        pytest.param(
            spoken("I paid $20 to him", words="I paid twenty dollars to him"),
            NARROW,
            [(0, 1333, "I paid"), (1333, 3000, "$20 to him")],
            id="what words write otherwise keeps the text and their time",
        ),
        pytest.param(
            spoken("uh huh", words="yes no"),
            PLAIN,
            [(0, 1000, "uh huh")],
            id="the text wins over words that differ altogether",
        ),
        pytest.param(
            spoken("", words="left alone"),
            PLAIN,
            [(0, 1000, "left alone")],
            id="words stand in for a text that is missing",
        ),
        pytest.param(
            spoken('can\'t "go" on', words="can 't go on"),
            NARROW,
            [(0, 1000, "can't"), (1000, 2000, '"go" on')],
            id="parts of a word stay together and quotes with their word",
        ),
        pytest.param(
            spoken("今天天气很好。我们去公园玩", words="今天 天气 很 好 我们 去 公园 玩"),
            NARROW,
            [(0, 2000, "今天天气很好。"), (2000, 4000, "我们去公园玩")],
            id="a script without spaces breaks between its words",
        ),
        pytest.param(
            Segment(start=0, end=1.3, text="今天天气很好我们去公园玩吧"),
            NARROW,
            [(0, 600, "今天天气很好"), (600, 1300, "我们去公园玩吧")],
            id="and between its characters where it has no words",
        ),
        pytest.param(
            Segment(start=5, end=1, text="back"),
            PLAIN,
            [(5000, 5001, "back")],
            id="an end before the start is put after it",
        ),
        pytest.param(
            Segment(start=59.9996, end=59.9997, text="late"),
            PLAIN,
            [(60_000, 60_001, "late")],
            id="rounding up to the same millisecond leaves one",
        ),
        pytest.param(Segment(start=0, end=9, text=" \n "), PLAIN, [], id="silence has no cue"),
    ],
)
def test_one_segment(
    segment: Segment, options: RenderOptions, expected: list[tuple[int, int, str]]
) -> None:
    found = cues(document(segment), options)
    assert [(cue.start, cue.end, text) for cue, text in zip(found, texts(found), strict=True)] == (
        expected
    )


def test_segments_are_not_joined() -> None:
    first, second = Segment(start=0, end=1, text="one"), Segment(start=1, end=2, text="two")
    assert texts(cues(document(first, second), PLAIN)) == ["one", "two"]


def test_a_segment_breaks_where_its_words_change_speaker() -> None:
    words = (word("yes", 0, 1, speaker="a"), word("no", 1, 2, speaker="b"), word("oh", 2, 3))
    segment = Segment(start=0, end=3, text="Yes. No. Oh.", words=words, speaker="b")
    found = cues(document(segment, speakers=(Speaker(id="a", label="Ann"),)), PLAIN)
    assert [(cue.speaker, cue.lines) for cue in found] == [("Ann", ("Yes.",)), ("b", ("No. Oh.",))]


def test_a_label_opens_each_turn_and_takes_room() -> None:
    segments = (
        Segment(start=0, end=2, text="aaa bbb", speaker="Al"),
        Segment(start=2, end=3, text="ccc", speaker="Al"),
        Segment(start=3, end=4, text="ddd", speaker="Bo"),
    )
    found = cues(document(*segments), NARROW, labelled=True)
    assert texts(found) == ["Al: aaa", "bbb", "ccc", "Bo: ddd"]


def test_a_speaker_interrupted_on_another_channel_is_named_again() -> None:
    segments = (
        Segment(start=0, end=10, text="aaaa bbbb", speaker="Al", channel=0),
        Segment(start=4, end=6, text="hm", speaker="Bo", channel=1),
    )
    found = cues(document(*segments), PLAIN, labelled=True)
    assert texts(found) == ["Al: aaaa", "Bo: hm", "Al: bbbb"]
    assert [(cue.start, cue.end) for cue in found] == [(0, 5555), (4000, 6000), (5555, 10_000)]


def test_one_channel_never_shows_two_cues_at_once() -> None:
    segments = (Segment(start=0, end=5, text="long"), Segment(start=3, end=4, text="short"))
    found = cues(document(*segments), PLAIN)
    assert [(cue.start, cue.end) for cue in found] == [(0, 3000), (3000, 4000)]


def test_segments_that_start_together_follow_by_a_millisecond() -> None:
    found = cues(document(*(Segment(start=1, end=1, text=text) for text in "abc")), PLAIN)
    assert [(cue.start, cue.end) for cue in found] == [(1000, 1001), (1001, 1002), (1002, 1003)]


def test_a_redacted_document_shows_nothing_of_its_words() -> None:
    secret = spoken("Call 555 now").model_copy(update={"redacted_text": "Call [PHONE] now"})
    clear = spoken("fine thanks", words="fine secret")
    found = cues(document(secret, clear), PLAIN)
    assert sorted(texts(found)) == ["Call [PHONE] now", "fine thanks"]


def test_a_segment_redacted_to_nothing_has_no_cue() -> None:
    secret = spoken("555").model_copy(update={"redacted_text": ""})
    assert cues(document(secret), PLAIN) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"max_line_length": 9}, id="lines too short"),
        pytest.param({"max_line_length": 201}, id="lines too long"),
        pytest.param({"max_lines": 0}, id="no lines"),
        pytest.param({"max_lines": 11}, id="too many lines"),
    ],
)
def test_options_have_bounds(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be from"):
        RenderOptions(**wrong)  # type: ignore[arg-type]


seconds = st.floats(min_value=-1, max_value=400_000)
options = st.builds(
    RenderOptions,
    max_line_length=st.integers(min_value=10, max_value=50),
    max_lines=st.integers(min_value=1, max_value=4),
)
spellings = st.text(alphabet="abcdeXé.,?-'<>&\u00a0 ", min_size=1, max_size=12)


@st.composite
def talks(draw: st.DrawFn) -> Transcript:
    """Segments one after the other on one track, their words in order and spaced in the text."""
    times = iter(sorted(draw(st.lists(seconds, min_size=60, max_size=60))))
    segments = []
    for spoken_words in draw(st.lists(st.lists(spellings, max_size=7), max_size=4)):
        words = tuple(word(each, next(times), next(times)) for each in spoken_words)
        text = " ".join(spoken_words)
        start, end = (words[0].start, words[-1].end) if words else (0.0, 0.0)
        segments.append(Segment(start=start, end=end, text=text, words=words or None))
    return document(*segments)


@st.composite
def heaps(draw: st.DrawFn) -> Transcript:
    """Segments in any order, at any times, of any channel and speaker, with any words."""
    words = st.builds(word, st.text(max_size=8), seconds, seconds)
    return document(
        *draw(
            st.lists(
                st.builds(
                    Segment,
                    start=seconds,
                    end=seconds,
                    text=st.text(max_size=120) | st.just("aa bb cc dd ee ff gg hh " * 9),
                    speaker=st.sampled_from([None, "Ann", "Bo -->\n\nb"]),
                    channel=st.sampled_from([None, 0, 1]),
                    words=st.none() | st.lists(words, max_size=9).map(tuple),
                ),
                max_size=6,
            )
        )
    )


@given(talks(), options)
def test_every_word_is_shown_once_and_in_order(talk: Transcript, wanted: RenderOptions) -> None:
    shown = squeezed("".join(texts(cues(talk, wanted))))
    assert shown == squeezed("".join(segment.text for segment in talk.segments))


@given(st.lists(st.tuples(st.integers(0, 9000), st.integers(1, 9000)), min_size=1), options)
def test_a_cue_shows_from_its_first_word_to_its_last(
    gaps: list[tuple[int, int]], wanted: RenderOptions
) -> None:
    bounds = list(accumulate(chain.from_iterable(gaps)))
    times = {f"w{end}": (start, end) for start, end in zip(bounds[::2], bounds[1::2], strict=True)}
    words = tuple(word(text, low / 1000, high / 1000) for text, (low, high) in times.items())
    segment = Segment(start=0, end=bounds[-1] / 1000, text=", ".join(times), words=words)
    for cue in cues(document(segment), wanted):
        shown = " ".join(cue.lines).replace(",", "").split()
        assert (cue.start, cue.end) == (times[shown[0]][0], times[shown[-1]][1])


@given(heaps(), options)
def test_nothing_said_is_lost(heap: Transcript, wanted: RenderOptions) -> None:
    shown = sorted(squeezed("".join(texts(cues(heap, wanted)))))
    said = (
        segment.text if clean(segment.text) else "".join(word.text for word in segment.words or ())
        for segment in heap.segments
    )
    assert shown == sorted(squeezed("".join(said)))


@given(heaps(), options, st.booleans())
def test_limits_are_kept(heap: Transcript, wanted: RenderOptions, labelled: bool) -> None:
    for cue in cues(heap, wanted, labelled):
        text = " ".join(cue.lines).removeprefix(f"{cue.speaker}: " if labelled else "")
        single = is_one_unit(text)
        assert single or len(cue.lines) <= wanted.max_lines
        assert single or cue.end - cue.start <= 7000
        for line in cue.lines:
            assert line.strip() == line != ""
            assert len(line) <= wanted.max_line_length or " " not in line


def is_one_unit(text: str) -> bool:
    """Whether the text cannot be broken: eight seconds of anything else make two cues."""
    return len(cues(document(Segment(start=0, end=8, text=text)), PLAIN)) == 1


@given(heaps(), options)
def test_times_are_in_order(heap: Transcript, wanted: RenderOptions) -> None:
    found = cues(heap, wanted)
    assert all(0 <= cue.start < cue.end for cue in found)
    assert all(before.start <= after.start for before, after in pairwise(found))
    for channel in (None, 0, 1):
        track = [cue for cue in found if cue.channel == channel]
        assert all(before.end <= after.start for before, after in pairwise(track))
