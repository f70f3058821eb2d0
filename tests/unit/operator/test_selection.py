"""Which engine is chosen, which is ruled out, and in which words."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from operator_fixtures import core_engines, make_engine, make_spec

from dalston_crds.v1alpha1 import Engine, StageName
from dalston_operator.selection import choose, select

TRANSCRIBE = StageName.TRANSCRIBE
WORDS = {"timestamps": "Word"}
PRIVACY = {"entities": ["email_address"]}


def reason(engine: Engine, stage: StageName = TRANSCRIBE, **spec: Any) -> str:
    """Why the engine's first model cannot serve; empty when it can."""
    return choose(stage, make_spec(**spec), [engine]).verdicts[0].reason


@dataclass(frozen=True)
class Case:
    engine: Engine
    want: str
    spec: dict[str, Any] = field(default_factory=dict)
    stage: StageName = TRANSCRIBE


def models(*names: str, **fields: Any) -> dict[str, Any]:
    return {"models": [{"name": name, **fields} for name in names]}


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(Case(make_engine("e", "transcribe"), ""), id="able"),
        pytest.param(Case(make_engine("e", "merge"), "does not cover transcribe"), id="stage"),
        pytest.param(
            Case(make_engine("e", "transcribe", contract=9), "speaks contract 9"), id="contract"
        ),
        pytest.param(
            Case(make_engine("e", "transcribe", not_ready="no GPU"), "is not ready: no GPU"),
            id="not ready",
        ),
        pytest.param(
            Case(
                make_engine("e", "transcribe", missing={"m": "put m there"}, **models("m")),
                "is not ready: put m there",
            ),
            id="weights missing",
        ),
        pytest.param(
            Case(
                make_engine("e", "transcribe", dataLeavesCluster=True),
                "sends data out of the cluster and the job asks for privacy",
                {"privacy": PRIVACY},
            ),
            id="privacy",
        ),
        pytest.param(
            Case(
                make_engine("e", "transcribe", languages=["en", "fr"]),
                "does not know language 'de' (knows en, fr)",
                {"language": "de"},
            ),
            id="language of the engine",
        ),
        pytest.param(
            Case(
                make_engine("e", "transcribe", **models("m", languages=["en"])),
                "does not know language 'de' (knows en)",
                {"language": "de"},
            ),
            id="language of the model",
        ),
        pytest.param(
            Case(make_engine("e", "transcribe", languages=["en"]), "", {"language": "en-GB"}),
            id="a region of a known language",
        ),
        pytest.param(
            Case(make_engine("e", "transcribe"), "cannot translate", {"task": "Translate"}),
            id="translation",
        ),
        pytest.param(
            Case(
                make_engine(
                    "e",
                    "transcribe",
                    capabilities={"translate": True},
                    **models("turbo", translates=False),
                ),
                "cannot translate",
                {"task": "Translate"},
            ),
            id="translation by this model",
        ),
        pytest.param(
            Case(
                make_engine("e", "pii-detect", capabilities={"entities": ["ssn"]}),
                "cannot find email_address",
                {"privacy": PRIVACY},
                StageName.PII_DETECT,
            ),
            id="entities",
        ),
        pytest.param(
            Case(
                make_engine("e", "detect", capabilities={"detects": ["Events"]}),
                "cannot give Emotion",
                {"enrich": {"detect": ["Events", "Emotion"]}},
                StageName.DETECT,
            ),
            id="enrichment",
        ),
        pytest.param(
            Case(
                make_engine("e", "diarize", capabilities={"maxSpeakers": 4}),
                "tells at most 4 speakers apart and the job has 6",
                {"speakers": {"mode": "Diarize", "count": 6}},
                StageName.DIARIZE,
            ),
            id="number of speakers",
        ),
    ],
)
def test_an_engine_is_ruled_out_for_a_reason(case: Case) -> None:
    assert reason(case.engine, case.stage, **case.spec) == case.want


def chosen(engines: list[Engine], **spec: Any) -> list[str]:
    found = choose(TRANSCRIBE, make_spec(**spec), engines).candidates
    return [f"{item.engine.name} {item.model}".strip() for item in found]


SMALL = make_engine("whisper", "transcribe", capabilities=WORDS, **models("small", quality=300))
LARGE = make_engine(
    "parakeet", "transcribe", capabilities=WORDS, **models("large", quality=700), rank=5
)
SPHINX = make_engine("sphinx", "transcribe", capabilities=WORDS, rank=-100)
COARSE = make_engine("coarse", "transcribe", **models("huge", quality=900))


def test_the_best_model_is_first_and_the_others_are_its_fallbacks() -> None:
    assert chosen([SPHINX, SMALL, LARGE]) == ["parakeet large", "whisper small", "sphinx"]


def test_native_word_times_go_before_quality_when_words_are_asked_for() -> None:
    assert chosen([COARSE, SMALL], timestamps="Word")[0] == "whisper small"
    assert chosen([COARSE, SMALL], timestamps="Segment")[0] == "coarse huge"


def test_devices_keep_the_order_of_the_manifest() -> None:
    engine = make_engine("e", "transcribe", devices=[{"type": "Gpu", "gpus": 1}, {"type": "Cpu"}])
    found = choose(TRANSCRIBE, make_spec(), [engine]).candidates
    assert [item.device.type for item in found] == ["Gpu", "Cpu"]


@pytest.mark.parametrize(
    ("pin", "want"),
    [
        pytest.param("auto", ["parakeet large", "whisper small", "sphinx"], id="auto"),
        pytest.param("small", ["whisper small"], id="a model"),
        pytest.param("sphinx", ["sphinx"], id="an engine"),
        pytest.param("shared/sphinx", ["sphinx"], id="an engine of the shared namespace"),
        pytest.param("whisper:/weights/mine", ["whisper /weights/mine"], id="weights by path"),
        pytest.param("shared/whisper:/w/mine", ["whisper /w/mine"], id="by path, shared engine"),
        pytest.param("sphinx:/w/mine", ["sphinx /w/mine"], id="by path, engine without models"),
        pytest.param("nothing", [], id="an unknown name"),
    ],
)
def test_a_pinned_model_has_no_fallback(pin: str, want: list[str]) -> None:
    assert chosen([SPHINX, SMALL, LARGE], model=pin) == want


def test_a_stage_may_be_pinned_beside_the_model() -> None:
    override = {"stages": [{"name": "transcribe", "engine": "sphinx"}]}
    assert chosen([SPHINX, SMALL], model="small", **override) == ["sphinx"]


def test_a_stage_may_be_pinned_to_weights_by_path() -> None:
    override = {"stages": [{"name": "transcribe", "engine": "whisper:/w/mine"}]}
    assert chosen([SPHINX, SMALL], **override) == ["whisper /w/mine"]


def test_who_verifies_must_know_the_language() -> None:
    engine = make_engine("e", "verify", languages=["en"])
    found = reason(engine, StageName.VERIFY, language="de")
    assert found == "does not know language 'de' (knows en)"


def refusal(engines: tuple[Engine, ...], **spec: Any) -> str:
    return select(make_spec(**spec), engines).refusal


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    engines = (*core_engines(), SMALL)
    want = "unknown model 'x'; known for transcribe are small, whisper"
    assert refusal(engines, model="x") == want


def test_every_engine_that_might_have_served_says_why_not() -> None:
    engines = (make_engine("one", "transcribe", languages=["fr"]), *core_engines(languages=["es"]))
    assert refusal(engines) == (
        "no engine can run stage transcribe: one does not know language 'en' (knows fr);"
        " whisper does not know language 'en' (knows es)"
    )


def test_a_stage_that_no_engine_covers_is_named() -> None:
    assert refusal(core_engines(), privacy=PRIVACY) == (
        "no engine here covers stage pii-detect; no engine here covers stage purge"
    )


def test_stages_that_one_engine_covers_in_a_row_share_a_pod() -> None:
    plan = select(make_spec(), core_engines()).plan
    assert plan is not None
    assert [stage.covers for stage in plan.stages] == [
        (StageName.PREPARE,),
        (StageName.TRANSCRIBE,),
        (StageName.MERGE, StageName.EXPORT),
    ]
    assert plan.stages[-1].needs == (StageName.TRANSCRIBE,)


def test_a_pod_is_shared_only_by_stages_that_follow_each_other() -> None:
    detector = make_engine(
        "found", "pii-detect", "purge", capabilities={"entities": PRIVACY["entities"]}
    )
    plan = select(make_spec(privacy=PRIVACY), (*core_engines(), detector)).plan
    assert plan is not None
    assert ["+".join(stage.covers) for stage in plan.stages] == [
        "prepare",
        "transcribe",
        "merge",
        "pii-detect",
        "export",
        "purge",
    ]


def pods(engines: tuple[Engine, ...], **spec: Any) -> list[str]:
    plan = select(make_spec(**spec), engines).plan
    assert plan is not None
    return [f"{'+'.join(s.covers)} by {s.candidates[0].engine.name}" for s in plan.stages]


ALONE = make_engine("writer", "export")


def test_a_stage_pinned_to_another_engine_does_not_share_the_pod() -> None:
    override = {"stages": [{"name": "export", "engine": "writer"}]}
    found = pods((*core_engines(), ALONE), **override)
    assert found[-2:] == ["merge by assembler", "export by writer"]


def test_a_pod_is_shared_only_by_stages_the_engine_can_run_for_this_job() -> None:
    engines = (
        *core_engines()[:2],
        make_engine("all", "merge", "pii-detect", "export", "purge", rank=9),
        make_engine("finder", "pii-detect", capabilities={"entities": PRIVACY["entities"]}),
    )
    assert pods(engines, privacy=PRIVACY)[2:] == [
        "merge by all",
        "pii-detect by finder",
        "export by all",
        "purge by all",
    ]


def test_fallbacks_of_a_shared_pod_can_run_all_of_it() -> None:
    plan = select(make_spec(), (*core_engines(), make_engine("joiner", "merge", rank=-1))).plan
    assert plan is not None
    assert [item.engine.name for item in plan.stages[-1].candidates] == ["assembler"]


REDACTED = {"privacy": PRIVACY | {"redactAudio": "Beep"}}
REDACTORS = (
    *core_engines(),
    make_engine("finder", "pii-detect", capabilities={"entities": PRIVACY["entities"]}),
    make_engine("beeper", "audio-redact"),
    make_engine("eraser", "purge"),
)


def test_redaction_nobody_can_verify_is_refused() -> None:
    assert refusal(REDACTORS, **REDACTED) == "no engine here covers stage verify"


def test_redaction_nobody_can_verify_is_done_when_the_job_says_so() -> None:
    spec = make_spec(privacy=REDACTED["privacy"] | {"verify": "BestEffort"})
    plan = select(spec, REDACTORS).plan
    assert plan is not None
    assert [(item.name, item.reason) for item in plan.unavailable] == [
        (StageName.VERIFY, "no engine can run it")
    ]
    assert StageName.AUDIO_REDACT in plan.stage(StageName.EXPORT).needs


def test_speakers_nobody_can_tell_apart_are_refused_unless_tolerated() -> None:
    engines = (*core_engines(), make_engine("linker", "speaker-link"))
    speakers: dict[str, Any] = {"speakers": {"mode": "Diarize"}}
    assert refusal(engines, **speakers) == "no engine here covers stage diarize"

    tolerated = [{"name": "diarize", "required": False}]
    plan = select(make_spec(**speakers, stages=tolerated), engines).plan
    assert plan is not None
    assert [item.name for item in plan.unavailable] == ["diarize", "speaker-link"]


def test_a_pinned_engine_of_a_stage_nobody_covers_is_no_unknown_model() -> None:
    assert refusal(core_engines()[:1], model="whisper") == "no engine here covers stage transcribe"


def test_no_override_makes_optional_what_keeps_a_job_private() -> None:
    detector = make_engine("found", "pii-detect", "purge", capabilities=PRIVACY)
    lax = [{"name": name, "required": False} for name in ("pii-detect", "purge")]
    plan = select(make_spec(privacy=PRIVACY, stages=lax), (*core_engines(), detector)).plan
    assert plan is not None
    assert all(stage.required for stage in plan.stages)
