"""The incidents F1 to F9 that a predecessor's users met, each shown not to happen here.

The oracle misbehaves as the engines of those days did; the drivers are the real ones, from the
decoding of the file to the exported document.
"""

import hashlib
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sounds import RATE, sample, silence, tone, truth, unbroken, write_wav
from stage_harness import SAMPLES, Stages, oracle, write_truth

from dalston_crds.stage_messages import StageOptions
from dalston_crds.transcript import PipelineWarning, Transcript, Word
from dalston_crds.v1alpha1 import StageName, Timestamps

LONG_PAUSES = SAMPLES / "long-pauses.wav"
DROPPED = [[7.0, 10.0]]
"""Holds the second of the three sentences of that sample, and nothing else."""


def document(folder: Path, source: Path = LONG_PAUSES, options: Any = None, **engine) -> Transcript:
    asked = StageOptions(**(options or {}))
    return Stages(folder, source, asked).document(oracle(folder, **engine))


def exported(folder: Path) -> dict[str, Any]:
    """The document as a user reads it."""
    artifacts = Stages(folder, LONG_PAUSES).artifacts
    manifest = artifacts.finished(StageName.EXPORT, 0)
    content: dict[str, Any] = json.loads(artifacts.read(manifest, "transcript.json"))
    return content


def warnings(found: Transcript) -> dict[str, PipelineWarning]:
    return {warning.reason: warning for warning in found.metadata.pipeline_warnings}


def words(found: Transcript) -> list[Word]:
    return [word for segment in found.segments for word in segment.words or ()]


def log(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_f1_the_language_asked_for_reaches_the_engine_and_is_the_documents(tmp_path: Path):
    decoded = tmp_path / "log"
    found = document(
        tmp_path, options={"language": "hr"}, language="pl", language_confidence=0.9, log=decoded
    )
    assert [line["language"] for line in log(decoded)] == ["hr"] * 3
    assert found.metadata.language == "hr"
    assert found.metadata.language_source == "requested"
    assert found.metadata.language_confidence is None


def test_f1_the_language_asked_for_reaches_the_second_look_too(tmp_path: Path):
    decoded = tmp_path / "log"
    document(tmp_path, options={"language": "hr"}, dropped=DROPPED, log=decoded)
    assert {(line["recover"], line["language"]) for line in log(decoded)} == {
        (False, "hr"),
        (True, "hr"),
    }


@pytest.mark.parametrize(
    ("claimed", "given", "source"),
    [
        ({}, None, None),
        ({"language": "hr"}, None, "engine"),
        ({"language": "hr", "language_confidence": 0.83}, 0.83, "detected"),
    ],
)
def test_f2_language_confidence_is_the_engines_or_absent(tmp_path: Path, claimed, given, source):
    facts = document(tmp_path, **claimed).metadata
    assert (facts.language, facts.language_confidence) == (claimed.get("language"), given)
    assert facts.language_source == source
    assert ("language_confidence" in exported(tmp_path)["metadata"]) is (given is not None)


def test_f3_media_facts_are_those_of_the_original_file(tmp_path: Path):
    stereo = np.stack([sample("long-pauses"), 0.5 * sample("long-pauses")], axis=1)[::2]
    call = write_wav(tmp_path / "call.wav", stereo, rate=8000, subtype="ULAW")
    digest = hashlib.sha256(call.read_bytes()).hexdigest()
    known = write_truth(call, digest, [(0, [("hello", 2.5, 3.0)])])
    facts = document(tmp_path, call, truth=[known]).metadata
    assert (facts.audio_channels, facts.sample_rate) == (2, 8000)
    assert (facts.container, facts.codec) == ("wav", "pcm_mulaw")
    assert facts.source_sha256 == digest
    assert facts.audio_duration == pytest.approx(soundfile.info(call).duration, abs=0.001)
    assert [level.channel for level in facts.levels] == [0, 1]


@pytest.mark.parametrize("wanted", [Timestamps.WORD, Timestamps.CHARACTER])
def test_f4_word_times_asked_for_but_not_given_are_a_warning(tmp_path: Path, wanted: Timestamps):
    found = document(tmp_path, options={"timestamps": wanted}, no_words=True)
    assert warnings(found)["WordTimesMissing"].fallback == "segment times"
    assert found.metadata.word_timestamps_requested
    assert not found.metadata.word_timestamps
    assert found.metadata.timestamps == "Segment"
    assert found.text == truth("long-pauses").text()
    assert all("words" not in segment for segment in exported(tmp_path)["segments"])


def test_f4_character_times_asked_for_but_not_given_are_a_warning(tmp_path: Path):
    found = document(tmp_path, options={"timestamps": Timestamps.CHARACTER})
    assert warnings(found)["CharacterTimesMissing"].fallback == "word times"
    assert (found.metadata.word_timestamps, found.metadata.timestamps) == (True, "Word")


def test_f4_word_times_nobody_asked_for_are_not_missed(tmp_path: Path):
    found = document(tmp_path, options={"timestamps": Timestamps.SEGMENT}, no_words=True)
    assert warnings(found) == {}
    assert not found.metadata.word_timestamps_requested


def test_f5_confidence_is_absent_when_the_engine_has_none(tmp_path: Path):
    found = document(tmp_path, no_confidence=True)
    assert [segment.confidence for segment in found.segments] == [None] * 3
    assert [word.confidence for word in words(found)] == [None] * len(words(found))
    assert "confidence" not in exported(tmp_path)["segments"][0]


def test_f5_confidence_comes_from_token_probabilities_when_there_are_some(tmp_path: Path):
    found = document(tmp_path, no_confidence=True, logprobs=True)
    for segment in found.segments:
        assert segment.confidence == pytest.approx(math.exp(-0.25), abs=1e-4)
        assert segment.avg_logprob == pytest.approx(-0.25)


def test_f6_dropped_speech_is_heard_on_a_second_look(tmp_path: Path):
    found = document(tmp_path, dropped=DROPPED)
    assert found.text == truth("long-pauses").text()
    assert warnings(found) == {}
    assert found.metadata.gap_seconds == 0


@pytest.mark.parametrize("dropped", [[2.5, 3.9], [2.0, 3.3], [3.0, 4.4], [8.0, 9.5]])
def test_f6_a_second_look_loses_no_word_at_the_edges_of_the_gap(tmp_path: Path, dropped):
    found = document(tmp_path, dropped=[dropped])
    assert found.text == truth("long-pauses").text()
    starts = [word.start for word in words(found)]
    assert starts == sorted(starts)


def test_f6_a_second_look_is_no_longer_than_a_model_hears(tmp_path: Path):
    speech, said = unbroken(70)
    talk = write_wav(tmp_path / "talk.wav", speech)
    digest = hashlib.sha256(talk.read_bytes()).hexdigest()
    known = write_truth(talk, digest, [(0, [(w.text, w.start, w.end) for w in said])])
    decoded = tmp_path / "log"
    found = document(tmp_path, talk, truth=[known], dropped=[[0, 100]], log=decoded)
    assert [word.text for word in words(found)] == [word.text for word in said]
    assert max(line["end"] - line["start"] for line in log(decoded)) <= 28.1


def test_f6_speech_that_stays_lost_is_a_warning_with_its_seconds(tmp_path: Path):
    found = document(tmp_path, dropped=DROPPED, deaf=True)
    lost = truth("long-pauses").turns[1]
    seconds = lost.end - lost.start
    assert found.metadata.gap_seconds == pytest.approx(seconds, abs=0.3)
    assert found.metadata.unexplained_loud_seconds == pytest.approx(seconds, abs=0.6)
    gap = warnings(found)["SpeechWithoutWords"]
    assert (
        gap.message
        == f"{found.metadata.gap_seconds:.1f} s of speech for which the engine gave no words"
    )
    assert gap.start == pytest.approx(lost.start, abs=0.2)
    assert gap.end == pytest.approx(lost.end, abs=0.2)
    assert "UnexplainedSound" in warnings(found)


def test_f6_loud_sound_that_is_no_speech_to_the_detector_is_a_warning_too(tmp_path: Path):
    sound = np.concatenate([sample("long-pauses"), tone(3.0), silence(2.0)])
    noisy = write_wav(tmp_path / "noisy.wav", sound)
    digest = hashlib.sha256(noisy.read_bytes()).hexdigest()
    said = [(w.text, w.start, w.end) for w in truth("long-pauses").words()]
    found = document(tmp_path, noisy, truth=[write_truth(noisy, digest, [(0, said)])])
    assert found.metadata.gap_seconds == 0
    assert found.metadata.unexplained_loud_seconds == pytest.approx(3.0, abs=0.1)
    loud = warnings(found)["UnexplainedSound"]
    assert loud.message == "3.0 s of loud sound that no words explain"
    assert loud.start == pytest.approx(len(sample("long-pauses")) / RATE, abs=0.1)


def test_f7_a_segment_without_word_times_ends_where_speech_ends(tmp_path: Path):
    found = document(tmp_path, no_words=True, segment_overrun=8.0)
    for segment, turn in zip(found.segments, truth("long-pauses").turns, strict=True):
        assert turn.end - 0.1 < segment.end < turn.end + 0.7


def test_f7_a_segment_ends_with_its_last_word(tmp_path: Path):
    found = document(tmp_path, segment_overrun=8.0)
    for segment, turn in zip(found.segments, truth("long-pauses").turns, strict=True):
        assert segment.end == turn.end


def test_f8_a_vocabulary_that_fails_is_a_warning_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    found = document(tmp_path, options={"vocabulary": ("bridge", "river")}, fail_vocabulary=True)
    assert "boosting 2 terms failed" in warnings(found)["VocabularyFailed"].message
    assert found.text == truth("long-pauses").text()
    assert list(scratch.iterdir()) == []


def test_f9_an_engines_warnings_reach_the_document_and_the_job(tmp_path: Path):
    told = [
        {"reason": "LowMemory", "message": "decoded in small pieces"},
        {"reason": "Hallucination", "message": "a repetition was cut at 3 s"},
        {"reason": "Hallucination", "message": "a repetition was cut at 9 s"},
    ]
    stages = Stages(tmp_path, LONG_PAUSES)
    found = stages.document(oracle(tmp_path, warnings=told))
    assert [(w.stage, w.status, w.reason, w.message) for w in found.metadata.pipeline_warnings] == [
        ("transcribe", "degraded", item["reason"], item["message"]) for item in told
    ]
    merged = stages.artifacts.finished(StageName.MERGE, 0).facts
    assert [warning.message for warning in merged.warnings] == [item["message"] for item in told]


def test_f9_a_long_winded_warning_does_not_fail_the_job(tmp_path: Path):
    found = document(tmp_path, warnings=[{"reason": "R" * 100, "message": "m" * 5000}])
    (warning,) = found.metadata.pipeline_warnings
    assert warning.reason.startswith("RRRR")
    assert warning.message.startswith("mmmm")
