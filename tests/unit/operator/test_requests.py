"""What a round is told, and what is too much to tell."""

from typing import Any

import pytest
from operator_fixtures import (
    NOW,
    UID,
    accepted,
    core_engines,
    engines_for_everything,
    make_job,
    media,
    stage_status,
    succeeded,
)

from dalston_crds.v1alpha1 import JobStatus, StageName
from dalston_operator.cluster import Observation, Placement
from dalston_operator.plan import plan
from dalston_operator.requests import audio_seconds, options_for, too_large

TRANSCRIBE = StageName.TRANSCRIBE
EVERYTHING: dict[str, Any] = {
    "language": None,
    "prompt": "A call.",
    "vocabulary": ["Dalston"],
    "speakers": {"mode": "Diarize"},
    "enrich": {"detect": ["Emotion"], "refine": ["Summary"]},
    "privacy": {"entities": ["name"], "redact_audio": "Beep"},
    "outputs": [{"format": "Txt", "uri": "s3://calls/one.txt"}],
}


def test_a_round_is_told_its_parts_and_where_to_put_them() -> None:
    working = stage_status(TRANSCRIBE, parts=4, completed_parts="1", round=2)
    seen = accepted(make_job(), core_engines(), succeeded(StageName.PREPARE), working)
    (started,) = plan(seen, NOW).start
    told = started.request
    assert (told.job.name, told.job.namespace, told.job.uid) == ("call", "team", UID)
    assert (told.stage, told.round, told.parts, told.indexes) == ("transcribe", 2, "0,2-3", 1)
    assert told.plan == ("prepare", "transcribe", "merge", "export")
    assert told.root == f"file:///var/lib/dalston/local/team/{UID}"


@pytest.mark.parametrize(
    ("stage", "fields"),
    [
        ("prepare", {"source", "speakers"}),
        ("language", {"vocabulary", "prompt"}),
        ("transcribe", {"vocabulary", "prompt", "speakers"}),
        ("align", {"vocabulary", "prompt"}),
        ("diarize", {"speakers"}),
        ("speaker-link", {"speakers"}),
        ("detect", {"enrich"}),
        ("merge", {"speakers"}),
        ("pii-detect", {"privacy"}),
        ("audio-redact", {"privacy"}),
        ("verify", {"privacy"}),
        ("refine", {"enrich"}),
        ("export", {"privacy", "outputs"}),
        ("purge", {"privacy"}),
    ],
)
def test_a_stage_is_told_what_concerns_it(stage: str, fields: set[str]) -> None:
    seen = accepted(make_job(**EVERYTHING), engines_for_everything())
    assert seen.frozen is not None
    node = seen.frozen.stage(StageName(stage))
    options = options_for(seen.job.spec, node, JobStatus(), Placement())
    told = options.model_dump(exclude_defaults=True)
    assert set(told) == fields


def test_a_stage_is_told_the_language_found_for_all_parts() -> None:
    found = accepted(make_job(**EVERYTHING), engines_for_everything(), language="cy")
    assert found.frozen is not None
    node = found.frozen.stage(TRANSCRIBE)
    options = options_for(found.job.spec, node, found.job.status, Placement())
    assert options.language == "cy"


@pytest.mark.parametrize(
    ("term", "fits"),
    [
        pytest.param("word", True, id="short terms"),
        pytest.param("é" * 25, True, id="25 KiB of terms"),
        pytest.param("語" * 50, False, id="as many letters of three bytes each"),
    ],
)
def test_a_request_is_measured_in_bytes(term: str, fits: bool) -> None:
    vocabulary = [f"{number:03}{term}"[:50] for number in range(450)]
    seen = accepted(make_job(vocabulary=vocabulary), core_engines())
    refusal = too_large(seen, seen.frozen)
    assert (refusal == "") == fits
    assert fits or refusal.endswith("shorten vocabulary, prompt, references or outputs")


def test_a_job_that_is_too_large_is_refused() -> None:
    job = make_job(vocabulary=[f"{number:03}" + "語" * 47 for number in range(500)])
    status = plan(Observation(job, engines=core_engines()), NOW).status
    assert status is not None
    assert status.conditions[2].reason == "Refused"
    assert "the options of stage transcribe take" in status.conditions[2].message


@pytest.mark.parametrize(
    ("mode", "want"),
    [
        pytest.param("None", 600, id="the mix"),
        pytest.param("Diarize", 600, id="the mix, speakers told apart"),
        pytest.param("PerChannel", 1200, id="every channel"),
    ],
)
def test_audio_is_counted_over_the_tracks_that_are_worked_on(mode: str, want: int) -> None:
    status = JobStatus(media=media(minutes=10, channels=2))
    assert audio_seconds(make_job(speakers={"mode": mode}).spec, status) == want


def test_before_prepare_the_users_hint_is_all_that_is_known() -> None:
    source = {"uri": "s3://calls/one.wav", "duration_hint_seconds": 90}
    assert audio_seconds(make_job(source=source).spec, JobStatus()) == 90
