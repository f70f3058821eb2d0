"""The text forms of a transcript, byte for byte, and read back."""

import re
from html import unescape
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dalston_crds.renderings import SUPPORTED, RenderOptions, UnsupportedFormat, file_name, render
from dalston_crds.transcript import (
    Metadata,
    Paragraph,
    Segment,
    Speaker,
    Transcript,
    Word,
)
from dalston_crds.v1alpha1.job_spec import OutputFormat

METADATA = Metadata(audio_duration=60, audio_channels=1, sample_rate=16_000)
SHOWN, UNNAMED = RenderOptions(), RenderOptions(speakers=False)
CAPTIONS = (OutputFormat.SRT, OutputFormat.VTT)


def document(*segments: Segment, **fields: object) -> Transcript:
    return Transcript.model_validate(
        {"job_id": "job", "metadata": METADATA, "text": "", "segments": segments, **fields}
    )


def said(text: str, start: float, speaker: str | None = None, **fields: object) -> Segment:
    """One second of speech."""
    given = {"text": text, "start": start, "end": start + 1, "speaker": speaker, **fields}
    return Segment.model_validate(given)


def rendered(talk: Transcript, form: OutputFormat, options: RenderOptions = SHOWN) -> str:
    return render(talk, form, options).decode()


DIALOGUE = document(
    said("Hello there.", 0, "a"),
    said("How are you?", 1, "a"),
    said("Fine & well.", 3600, "b"),
    speakers=(Speaker(id="a", label="Ann"), Speaker(id="b", label="B<o>b\n")),
)
LECTURE = document(
    said("One.", 0, id="s1"),
    said("Two.", 9, id="s2"),
    said("Three.", 10, id="s3"),
    said("Left over.", 11, id="s4"),
    paragraphs=(
        Paragraph(start=0, end=10, text="unused", segments=("s1", "s2")),
        Paragraph(start=10, end=11, text="unused", segments=("s3",)),
    ),
)


@pytest.mark.parametrize(
    ("talk", "options", "expected"),
    [
        pytest.param(
            DIALOGUE,
            SHOWN,
            "Ann: Hello there. How are you?\nB<o>b: Fine & well.\n",
            id="each turn is a line with its label",
        ),
        pytest.param(
            DIALOGUE,
            UNNAMED,
            "Hello there. How are you?\nFine & well.\n",
            id="without labels turns still are lines",
        ),
        pytest.param(
            LECTURE, SHOWN, "One. Two.\nThree.\nLeft over.\n", id="each paragraph is a line"
        ),
        pytest.param(
            document(said("One", 0), said("two.", 2), said("Three.", 5)),
            SHOWN,
            "One two.\nThree.\n",
            id="without paragraphs a long silence ends the line",
        ),
        pytest.param(
            document(said("word " * 120 + "end.", 0), said("Next.", 1)),
            SHOWN,
            "word " * 120 + "end.\nNext.\n",
            id="and so does a sentence that made it long",
        ),
        pytest.param(
            document(said("今天。", 0), said("明天", 1), said("OK", 2)),
            SHOWN,
            "今天。明天 OK\n",
            id="scripts without spaces are joined without",
        ),
        pytest.param(
            document(said("a\nb", 0, "x", channel=0), said("c", 0, "x", channel=1)),
            SHOWN,
            "x: a b\nx: c\n",
            id="channels are not mixed and text never breaks a line",
        ),
        pytest.param(document(), SHOWN, "", id="nothing said is nothing"),
    ],
)
def test_txt(talk: Transcript, options: RenderOptions, expected: str) -> None:
    assert rendered(talk, OutputFormat.TXT, options) == expected


def test_srt() -> None:
    assert rendered(DIALOGUE, OutputFormat.SRT) == (
        "1\n00:00:00,000 --> 00:00:01,000\nAnn: Hello there.\n\n"
        "2\n00:00:01,000 --> 00:00:02,000\nHow are you?\n\n"
        "3\n01:00:00,000 --> 01:00:01,000\nB<o>b: Fine & well.\n"
    )


def test_vtt() -> None:
    assert rendered(DIALOGUE, OutputFormat.VTT) == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:01.000\n<v Ann>Hello there.\n\n"
        "00:00:01.000 --> 00:00:02.000\n<v Ann>How are you?\n\n"
        "01:00:00.000 --> 01:00:01.000\n<v B&lt;o&gt;b>Fine &amp; well.\n"
    )


@pytest.mark.parametrize("form", CAPTIONS)
def test_captions_can_leave_speakers_out(form: OutputFormat) -> None:
    text = rendered(DIALOGUE, form, UNNAMED)
    assert "Hello there." in text
    assert "Ann" not in text


@pytest.mark.parametrize(
    ("form", "expected"),
    [(OutputFormat.TXT, ""), (OutputFormat.SRT, ""), (OutputFormat.VTT, "WEBVTT\n")],
)
def test_nothing_said(form: OutputFormat, expected: str) -> None:
    assert rendered(document(), form) == expected


@pytest.mark.parametrize("arrow", ["-->", "--->", "----->"])
def test_srt_text_holds_no_arrow(arrow: str) -> None:
    text = rendered(document(said(f"a {arrow} b", 0, arrow)), OutputFormat.SRT)
    assert text.endswith("\n->: a -> b\n")


def test_json_is_the_document() -> None:
    assert render(DIALOGUE, OutputFormat.JSON, SHOWN) == DIALOGUE.encode()


@pytest.mark.parametrize("form", [form for form in SUPPORTED if form is not OutputFormat.JSON])
def test_redacted_text_is_all_that_is_shown(form: OutputFormat) -> None:
    words = (Word(text="Secret", start=0, end=1),)
    talk = document(
        said("Secret", 0, words=words, redacted_text="[NAME]", id="s1"),
        paragraphs=(Paragraph(start=0, end=1, text="Secret", segments=("s1",)),),
    )
    assert "[NAME]" in rendered(talk, form)
    assert "Secret" not in rendered(talk, form)


def test_file_names() -> None:
    assert [file_name(form) for form in SUPPORTED] == [
        "transcript.txt",
        "transcript.srt",
        "transcript.vtt",
        "transcript.json",
    ]


@pytest.mark.parametrize("form", [form for form in OutputFormat if form not in SUPPORTED])
def test_a_form_that_is_not_built_names_those_that_are(form: OutputFormat) -> None:
    with pytest.raises(UnsupportedFormat, match=f"{form} .*Txt, Srt, Vtt, Json"):
        render(DIALOGUE, form, SHOWN)
    with pytest.raises(UnsupportedFormat):
        file_name(form)


texts = st.text(max_size=40) | st.lists(
    st.sampled_from(["-->", "<v x>", "&amp;", "\n\n", "7", "00:00:01,000", "WEBVTT", "NOTE", "é"])
).map(" ".join)
talks = st.lists(
    st.builds(
        Segment,
        start=st.floats(min_value=0, max_value=400_000),
        end=st.floats(min_value=0, max_value=400_000),
        text=texts,
        speaker=st.none() | texts,
        channel=st.sampled_from([None, 0, 1]),
    ),
    max_size=6,
).map(lambda segments: document(*segments))
TIMES = re.compile(r"(\d{2,}):([0-5]\d):([0-5]\d)([,.])(\d{3})")


def milliseconds(stamp: str, point: str) -> int:
    found = TIMES.fullmatch(stamp)
    assert found is not None
    assert found[4] == point
    hours, minutes, seconds, thousandths = (int(found[each]) for each in (1, 2, 3, 5))
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths


def read_block(block: str, point: str) -> tuple[int, int, str]:
    """A reader's view of times and text."""
    times, *lines = block.split("\n")
    start, end = (milliseconds(stamp, point) for stamp in times.split(" --> "))
    assert start < end
    assert lines
    assert all(line.strip() and "-->" not in line for line in lines)
    return start, end, "\n".join(lines)


def read_srt(text: str) -> list[tuple[int, int, str]]:
    blocks = text.removesuffix("\n").split("\n\n") if text else []
    numbered = [block.split("\n", 1) for block in blocks]
    assert [number for number, _ in numbered] == [str(each + 1) for each in range(len(blocks))]
    return [read_block(block, ",") for _, block in numbered]


def read_vtt(text: str) -> list[tuple[int, int, str]]:
    header, *blocks = text.removesuffix("\n").split("\n\n")
    assert header.strip() == "WEBVTT"
    return [read_block(block, ".") for block in blocks]


def squeezed(text: str) -> str:
    return "".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split())


@given(talks)
def test_srt_reads_back(talk: Transcript) -> None:
    found = read_srt(rendered(talk, OutputFormat.SRT, UNNAMED))
    assert all(before[0] <= after[0] for before, after in pairwise(found))
    shown = squeezed("".join(text for _, _, text in found))
    wanted = squeezed(" ".join(segment.text for segment in talk.segments))
    assert sorted(shown.replace("-", "")) == sorted(wanted.replace("-", ""))
    read_srt(rendered(talk, OutputFormat.SRT))


@given(talks)
def test_vtt_reads_back(talk: Transcript) -> None:
    found = read_vtt(rendered(talk, OutputFormat.VTT))
    assert all(before[0] <= after[0] for before, after in pairwise(found))
    spoken = [re.sub(r"^<v [^<>\n]+>", "", text) for _, _, text in found]
    assert not any(mark in text for text in spoken for mark in "<>")
    shown = squeezed(unescape("".join(spoken)))
    assert sorted(shown) == sorted(squeezed(" ".join(each.text for each in talk.segments)))


@given(talks)
def test_txt_holds_every_text_in_order(talk: Transcript) -> None:
    shown = rendered(talk, OutputFormat.TXT, UNNAMED)
    assert squeezed(shown) == squeezed(" ".join(each.text for each in talk.segments))
    assert all(line.strip() for line in shown.split("\n")[:-1])
