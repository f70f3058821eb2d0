"""Jobs, engines and rounds for tests of the operator: an argument for each difference."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from dalston_crds.part_set import PartSet
from dalston_crds.stage_messages import StageResult
from dalston_crds.v1alpha1 import (
    Condition,
    ConditionStatus,
    Detection,
    Engine,
    EngineSpec,
    EngineStatus,
    JobSpec,
    JobStatus,
    Media,
    ModelStatus,
    ObjectMeta,
    Refinement,
    StageName,
    StageState,
    StageStatus,
    TranscriptionJob,
)
from dalston_operator.cluster import Observation
from dalston_operator.frozen_plan import Candidate, FrozenPlan
from dalston_operator.rounds import ObservedRound, RoundEnd
from dalston_operator.selection import select
from dalston_operator.stage_progress import initial_stages

CREATED = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
NOW = CREATED + timedelta(minutes=1, microseconds=250_000)
UID = "0b8f6a1e-52c4-4d57-9c1e-7f3a2b9d4e60"
WORDS = {"timestamps": "Word"}


def make_spec(**fields: Any) -> JobSpec:
    """The spec of a job for an English recording."""
    defaults = {"source": {"uri": "s3://calls/one.wav"}, "language": "en"}
    return JobSpec.model_validate(defaults | fields)


def make_job(status: JobStatus | None = None, **fields: Any) -> TranscriptionJob:
    """A job created at CREATED."""
    meta = ObjectMeta(
        name="call", namespace="team", uid=UID, resource_version="1", creation_timestamp=CREATED
    )
    return TranscriptionJob(metadata=meta, spec=make_spec(**fields), status=status or JobStatus())


def make_engine(
    name: str, *stages: str, not_ready: str = "", missing: dict[str, str] | None = None, **spec: Any
) -> Engine:
    """An engine for a CPU; its status complains of *not_ready* and of *missing*, by model."""
    defaults = {"description": name, "stages": stages, "devices": [{"type": "Cpu"}]}
    ready = Condition(
        type="Ready",
        status=ConditionStatus.FALSE if not_ready else ConditionStatus.TRUE,
        reason="Judged",
        message=not_ready,
        last_transition_time=CREATED,
    )
    lacking = tuple(ModelStatus(name=k, missing=v) for k, v in (missing or {}).items())
    return Engine(
        metadata=ObjectMeta(name=name),
        spec=EngineSpec.model_validate(defaults | spec),
        status=EngineStatus(conditions=(ready,), missing_models=lacking),
    )


def core_engines(**transcriber: Any) -> tuple[Engine, ...]:
    """One engine for each stage that is always there; the transcriber gives word times."""
    capable = {"capabilities": WORDS} | transcriber
    return (
        make_engine("decoder", "prepare"),
        make_engine("whisper", "transcribe", **capable),
        make_engine("assembler", "merge", "export"),
    )


def engines_for_everything(copies: Sequence[str] = ("first", "second")) -> tuple[Engine, ...]:
    """An engine for each stage alone, and as many fallbacks as there are more *copies*."""
    return tuple(
        make_engine(
            f"{stage}-{copy}",
            stage,
            rank=-place,
            capabilities={
                "detects_language": True,
                "entities": ["name", "card"],
                "detects": list(Detection),
                "refines": list(Refinement),
            },
        )
        for stage in StageName
        for place, copy in enumerate(copies)
    )


def frozen_plan(job: TranscriptionJob, engines: Sequence[Engine]) -> FrozenPlan:
    """The plan the job would be accepted with."""
    selection = select(job.spec, engines)
    assert selection.plan is not None, selection.refusal
    return selection.plan


def media(minutes: int = 10, channels: int = 1) -> Media:
    """Facts of a recording."""
    return Media(channels=channels, sample_rate_hertz=8000, duration_milliseconds=minutes * 60_000)


def accepted(
    job: TranscriptionJob, engines: Sequence[Engine], *stages: StageStatus, **fields: Any
) -> Observation:
    """The job after acceptance, with these stages as they are and the others waiting."""
    frozen = frozen_plan(job, engines)
    given = {stage.name: stage for stage in stages}
    known = tuple(given.get(stage.name, stage) for stage in initial_stages(frozen))
    status = JobStatus.model_validate({"stages": known, **fields})
    return Observation(job.model_copy(update={"status": status}), frozen, tuple(engines))


def stage_status(
    name: StageName, state: StageState = StageState.RUNNING, **fields: Any
) -> StageStatus:
    """A stage; one of a single part that covers itself unless told otherwise."""
    defaults = {"name": name, "state": state, "covers": (name,), "parts": 1}
    return StageStatus.model_validate(defaults | fields)


def succeeded(name: StageName, parts: int = 1, **fields: Any) -> StageStatus:
    """A stage that has done all its parts in its first round."""
    whole = {"parts": parts, "completed_parts": str(PartSet.first(parts)), "round": 1}
    return stage_status(name, StageState.SUCCEEDED, **whole | fields)


def a_round(
    stage: StageName,
    number: int = 0,
    finished: str = "",
    end: RoundEnd | None = None,
    **result: Any,
) -> ObservedRound:
    """A round of the job, whose single index has said what *finished* and *result* say."""
    told = StageResult.model_validate({"index": 0, "finished": finished, **result})
    results = (told,) if finished or result else ()
    return ObservedRound(UID, stage, number, results=results, end=end, started=bool(results))


def candidate(engine: Engine) -> Candidate:
    """The engine's first way to run."""
    model = engine.spec.models[0].name if engine.spec.models else ""
    return Candidate(engine=engine, model=model, device=engine.spec.devices[0])
