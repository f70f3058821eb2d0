"""One document of parts, channels and speakers, with its invariants held."""

import hashlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sounds import sample, silence, truth, write_wav
from stage_harness import SAMPLES, Stages, oracle, write_truth

from dalston_crds.stage_messages import SkippedStage, StageOptions
from dalston_crds.transcript import Segment, Transcript, Word
from dalston_crds.v1alpha1 import StageName

PER_CHANNEL: dict[str, Any] = {"tracks": "Channels", "speakers": {"mode": "PerChannel"}}


def document(
    folder: Path, name: str = "two-speakers", options: Any = None, **engine: Any
) -> Transcript:
    job = Stages(folder, SAMPLES / f"{name}.wav", StageOptions(**(options or {})))
    return job.document(oracle(folder, **engine))


def test_channels_become_speakers_in_order_of_speech(tmp_path: Path):
    found = document(tmp_path, options=PER_CHANNEL)
    turns = truth("two-speakers").turns
    assert [(s.channel, s.speaker, s.text) for s in found.segments] == [
        (turn.channel, f"SPEAKER_0{turn.channel}", turn.text) for turn in turns
    ]
    assert [(s.id, s.label, s.channel) for s in found.speakers] == [
        ("SPEAKER_00", "SPEAKER_00", 0),
        ("SPEAKER_01", "SPEAKER_01", 1),
    ]
    assert (found.metadata.speaker_detection, found.metadata.speaker_count) == ("PerChannel", 2)
    assert all(w.speaker == s.speaker for s in found.segments for w in s.words or ())


def test_speakers_carry_the_names_given(tmp_path: Path):
    speakers = {**PER_CHANNEL["speakers"], "names": ["Ann", "Ben"]}
    found = document(tmp_path, options={**PER_CHANNEL, "speakers": speakers})
    assert [speaker.label for speaker in found.speakers] == ["Ann", "Ben"]


def test_a_silent_channel_keeps_its_number(tmp_path: Path):
    sound = sample("two-speakers")
    source = write_wav(tmp_path / "a.wav", np.stack([0 * sound[:, 0], sound[:, 1]], axis=1))
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    words = [(w.text, w.start, w.end) for w in truth("two-speakers").channel_words(1)]
    known = write_truth(source, digest, [(1, words)])
    speakers = {**PER_CHANNEL["speakers"], "names": ["Ann", "Ben"]}
    job = Stages(tmp_path, source, StageOptions(**{**PER_CHANNEL, "speakers": speakers}))
    found = job.document(oracle(tmp_path, truth=[known]))
    assert [(s.id, s.label, s.channel) for s in found.speakers] == [("SPEAKER_01", "Ben", 1)]


def test_a_mix_has_no_channels_nor_speakers(tmp_path: Path):
    found = document(tmp_path)
    assert found.speakers == ()
    assert {(s.channel, s.speaker) for s in found.segments} == {(None, None)}


def test_segments_are_numbered_and_the_text_is_their_join(tmp_path: Path):
    found = document(tmp_path, options=PER_CHANNEL)
    assert [s.id for s in found.segments] == [f"seg_00{n}" for n in range(6)]
    assert found.text == " ".join(s.text for s in found.segments) == truth("two-speakers").text()


def test_a_paragraph_ends_with_a_speaker_or_a_long_pause(tmp_path: Path):
    (tmp_path / "pauses").mkdir()
    turns = document(tmp_path, options=PER_CHANNEL).paragraphs
    pauses = document(tmp_path / "pauses", "long-pauses").paragraphs
    assert [p.segments for p in turns] == [(f"seg_00{n}",) for n in range(6)]
    assert [p.text for p in pauses] == [turn.text for turn in truth("long-pauses").turns]


@pytest.mark.parametrize(
    ("wanted", "granted", "words"),
    [
        ("None", "None", False),
        ("Segment", "Segment", False),
        ("Word", "Word", True),
        ("Character", "Word", True),
    ],
)
def test_times_are_no_finer_than_asked_nor_than_given(tmp_path: Path, wanted, granted, words):
    found = document(tmp_path, "monologue", {"timestamps": wanted})
    assert found.metadata.timestamps == granted
    assert [bool(s.words) for s in found.segments] == [words] * len(found.segments)


def test_times_are_in_order_and_inside_the_media(tmp_path: Path):
    source = write_wav(tmp_path / "a.wav", sample("monologue")[: 12 * 16_000])
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    words = [("late", 11.5, 11.9), ("beyond", 11.95, 13.0), ("first", 0.6, 0.7)]
    known = write_truth(source, digest, [(0, words[2:]), (0, words[:2])])
    found = Stages(tmp_path, source).document(oracle(tmp_path, truth=[known], segment_overrun=9))
    timed: list[Word | Segment] = [w for s in found.segments for w in s.words or ()]
    for item in (*timed, *found.segments):
        assert 0 <= item.start <= item.end <= found.metadata.audio_duration == 12.0
    assert all(left.start <= right.start for left, right in pairwise(timed))


def test_silence_is_a_document_without_words(tmp_path: Path):
    source = write_wav(tmp_path / "a.wav", silence(2.0))
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    found = Stages(tmp_path, source).document(
        oracle(tmp_path, truth=[write_truth(source, digest, [])], language="en")
    )
    assert (found.text, found.segments, found.metadata.language) == ("", (), None)
    assert [w.reason for w in found.metadata.pipeline_warnings] == ["NoSpeech"]


def test_a_skipped_stage_is_a_warning_that_names_the_fallback(tmp_path: Path):
    skipped = SkippedStage(stage=StageName.DIARIZE, reason="crashed", fallback="no speakers")
    job = Stages(tmp_path, SAMPLES / "monologue.wav", skipped=(skipped,))
    (warning,) = job.document(oracle(tmp_path)).metadata.pipeline_warnings
    assert (warning.stage, warning.status, warning.message) == ("diarize", "skipped", "crashed")
    assert warning.fallback == "no speakers"


def test_the_document_says_how_it_was_made(tmp_path: Path):
    facts = document(tmp_path, "monologue").metadata
    assert facts.engines == {"transcribe": "oracle"}
    assert facts.pipeline_stages == ("prepare", "transcribe", "merge", "export")
    assert facts.completed_at is not None


def test_a_delivery_is_written_to_the_users_own_place(tmp_path: Path):
    target = tmp_path / "out" / "talk.txt"
    outputs = [{"format": "Txt", "uri": target.as_uri()}]
    found = document(tmp_path, "monologue", {"outputs": outputs})
    assert target.read_text().split() == found.text.split()
