"""Which stages a job gets, and in which order."""

from typing import Any

import pytest
from operator_fixtures import make_spec

from dalston_crds.v1alpha1 import Capabilities
from dalston_operator.pipeline import pipeline

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
