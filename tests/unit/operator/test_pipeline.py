"""Which stages a job gets, and in which order."""

from typing import Any

import pytest
from operator_fixtures import make_spec

from dalston_crds.v1alpha1 import Capabilities, StageName
from dalston_operator.pipeline import pipeline, without

WORDS = {"timestamps": "Word"}
PRIVACY = {"entities": ["pii"]}


def stages(spec: dict[str, Any], transcriber: dict[str, Any]) -> list[str]:
    found = pipeline(make_spec(**spec), Capabilities.model_validate(WORDS | transcriber))
    return [stage.name.value for stage in found]


@pytest.mark.parametrize(
    ("spec", "transcriber", "extra"),
    [
        pytest.param({}, {}, [], id="nothing special"),
        pytest.param({"speakers": {"mode": "PerChannel"}}, {}, [], id="speakers per channel"),
        pytest.param(
            {"language": None}, {"detectsLanguage": True}, ["language"], id="language unset"
        ),
        pytest.param({"language": None}, {}, [], id="language unset, one-language engine"),
        pytest.param(
            {"speakers": {"mode": "Diarize"}},
            {},
            ["diarize", "speaker-link"],
            id="speakers told apart",
        ),
        pytest.param(
            {"speakers": {"mode": "Diarize"}}, {"diarizes": True}, [], id="by the engine itself"
        ),
        pytest.param({}, {"timestamps": "Segment"}, ["align"], id="word times the engine lacks"),
        pytest.param({"timestamps": "Character"}, {}, ["align"], id="character times"),
        pytest.param({"timestamps": "Segment"}, {"timestamps": "None"}, [], id="segment times"),
        pytest.param({"privacy": PRIVACY}, {}, ["pii-detect", "purge"], id="entities"),
        pytest.param(
            {"privacy": PRIVACY | {"redactAudio": "Beep"}},
            {},
            ["pii-detect", "audio-redact", "verify", "purge"],
            id="redacted audio",
        ),
        pytest.param(
            {"enrich": {"detect": ["Events"], "refine": ["Summary"]}},
            {},
            ["detect", "refine"],
            id="enrichment",
        ),
    ],
)
def test_what_is_asked_for_decides_the_stages(
    spec: dict[str, Any], transcriber: dict[str, Any], extra: list[str]
) -> None:
    always = {"prepare", "transcribe", "merge", "export"}
    assert set(stages(spec, transcriber)) == always | set(extra)


def test_each_stage_comes_after_all_it_needs() -> None:
    spec = {
        "language": None,
        "timestamps": "Character",
        "speakers": {"mode": "Diarize"},
        "privacy": PRIVACY | {"redactAudio": "Silence"},
        "enrich": {"detect": ["Emotion"], "refine": ["Topics"]},
    }
    able = Capabilities.model_validate(WORDS | {"detectsLanguage": True})
    found = pipeline(make_spec(**spec), able)
    assert len(found) == 14
    for place, stage in enumerate(found):
        assert set(stage.needs) <= {earlier.name for earlier in found[:place]}


def test_merge_follows_what_times_and_labels_words() -> None:
    spec = {"timestamps": "Character", "speakers": {"mode": "Diarize"}}
    found = pipeline(make_spec(**spec), Capabilities.model_validate(WORDS))
    merge = next(stage for stage in found if stage.name == "merge")
    assert set(merge.needs) == {"transcribe", "align", "speaker-link"}


ALL = {
    "language": None,
    "timestamps": "Character",
    "speakers": {"mode": "Diarize"},
    "privacy": PRIVACY | {"redactAudio": "Silence"},
    "enrich": {"detect": ["Emotion"], "refine": ["Topics"]},
}


def needs(spec: dict[str, Any], *absent: str) -> dict[str, str]:
    able = Capabilities.model_validate(WORDS | {"detectsLanguage": True})
    left = without(pipeline(make_spec(**spec), able), {StageName(name) for name in absent})
    return {stage.name.value: " ".join(stage.needs) for stage in left}


def test_what_each_stage_of_the_longest_pipeline_follows() -> None:
    assert needs(ALL) == {
        "prepare": "",
        "language": "prepare",
        "transcribe": "prepare language",
        "align": "transcribe",
        "diarize": "prepare",
        "speaker-link": "diarize",
        "detect": "prepare",
        "merge": "transcribe align speaker-link",
        "pii-detect": "merge",
        "audio-redact": "pii-detect",
        "verify": "audio-redact",
        "refine": "merge pii-detect",
        "export": "merge detect pii-detect verify refine",
        "purge": "export",
    }


def test_what_each_stage_of_the_shortest_pipeline_follows() -> None:
    assert needs({}) == {
        "prepare": "",
        "transcribe": "prepare",
        "merge": "transcribe",
        "export": "merge",
    }


@pytest.mark.parametrize(
    ("absent", "stage", "want"),
    [
        pytest.param(["verify"], "export", "merge detect pii-detect audio-redact refine", id="one"),
        pytest.param(
            ["diarize", "speaker-link"], "merge", "transcribe align prepare", id="a chain"
        ),
        pytest.param(["align"], "merge", "transcribe speaker-link", id="named once"),
    ],
)
def test_what_followed_an_absent_stage_follows_what_that_followed(
    absent: list[str], stage: str, want: str
) -> None:
    assert needs(ALL, *absent)[stage] == want
