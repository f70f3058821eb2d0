"""What a job's status says beyond its stages: media, result, warnings, usage, progress. Pure."""

from collections.abc import Iterable, Iterator

from dalston_crds.part_set import PartSet
from dalston_crds.stage_messages import FileFact, StageResult
from dalston_crds.v1alpha1 import (
    JobSpec,
    JobStatus,
    JobWarning,
    Result,
    ResultFile,
    StageName,
    StageState,
    StageStatus,
    Usage,
)
from dalston_crds.v1alpha1.job_status import MAX_WARNINGS
from dalston_operator.cluster import Observation
from dalston_operator.frozen_plan import FrozenPlan
from dalston_operator.pipeline import FALLBACKS
from dalston_operator.requests import artifact_root, audio_seconds

MICROS_PER_HOUR_MILLISECOND = 3_600_000


def totals(status: JobStatus, observed: Observation, frozen: FrozenPlan) -> JobStatus:
    """The status with everything its stages and results add up to."""
    results = [result for item in observed.rounds for result in item.results]
    status = _with_parts(status, frozen, results)
    media = next((result.media for result in results if result.media), status.media)
    language = status.language or _decided_language(observed)
    status = status.model_copy(update={"media": media, "language": language})
    return status.model_copy(
        update={
            "result": _result(status, observed, results),
            "warnings": _warnings(status, frozen, results),
            "usage": _usage(observed.job.spec, status, frozen),
            "progress": max(status.progress, _progress(status, frozen)),
        }
    )


def _decided_language(observed: Observation) -> str:
    """What the language stage decided for all parts; empty while it has not."""
    told = (
        result.document.language
        for item in observed.rounds
        if item.stage is StageName.LANGUAGE
        for result in item.results
        if result.document is not None
    )
    return next(filter(None, told), "")


def _with_parts(status: JobStatus, frozen: FrozenPlan, results: Iterable[StageResult]) -> JobStatus:
    """Once prepare has said how many parts there are, every per-part stage has that many."""
    parts = max((result.parts for result in results), default=0)
    prepare = status.stage(StageName.PREPARE)
    if not parts or prepare is None or prepare.state is not StageState.SUCCEEDED:
        return status
    stages = tuple(
        stage.model_copy(update={"parts": parts})
        if not stage.parts and frozen.stage(stage.name).per_part
        else stage
        for stage in status.stages
    )
    return status.model_copy(update={"stages": stages})


def _result(
    status: JobStatus, observed: Observation, results: Iterable[StageResult]
) -> Result | None:
    """What export made; kept once it is known."""
    made = next((item for item in results if item.files and item.document), None)
    export = status.stage(StageName.EXPORT)
    if made is None or made.document is None or status.result is not None:
        return status.result
    if export is None or export.state is not StageState.SUCCEEDED:
        return None
    root = artifact_root(observed.job, observed.placement)
    files = tuple(_file(root, fact) for fact in made.files)
    return Result.model_validate({"files": files, **made.document.model_dump()})


def _file(root: str, fact: FileFact) -> ResultFile:
    """A finished object; its name without the attempt that made it."""
    name = fact.name.rpartition("/")[2].partition("-")[2]
    return ResultFile(name=name, uri=f"{root}/{fact.name}", sha256=fact.sha256, bytes=fact.bytes)


def _warnings(
    status: JobStatus, frozen: FrozenPlan, results: Iterable[StageResult]
) -> tuple[JobWarning, ...]:
    told = (warning for result in results for warning in result.warnings)
    found = dict.fromkeys((*_skips(status, frozen), *status.warnings, *told))
    return tuple(found)[:MAX_WARNINGS]


def _skips(status: JobStatus, frozen: FrozenPlan) -> Iterator[JobWarning]:
    for item in frozen.unavailable:
        yield _skip(item.name, item.reason)
    for stage in status.stages:
        if stage.state is StageState.SKIPPED:
            yield _skip(stage.name, stage.message)


def _skip(stage: StageName, why: str) -> JobWarning:
    message = f"{why}; instead: {FALLBACKS.get(stage, 'omitted')}"[:512]
    return JobWarning(stage=stage, reason="StageSkipped", message=message)


def _usage(spec: JobSpec, status: JobStatus, frozen: FrozenPlan) -> Usage | None:
    if status.media is None:
        return None
    worked = [(stage, _milliseconds(stage)) for stage in status.stages]
    cost = sum(
        milliseconds * _price(frozen, stage) // MICROS_PER_HOUR_MILLISECOND
        for stage, milliseconds in worked
    )
    return Usage(
        audio_milliseconds=status.media.duration_milliseconds,
        channel_milliseconds=round(audio_seconds(spec, status) * 1000),
        device_milliseconds=sum(milliseconds for _, milliseconds in worked),
        cost_micros=cost,
    )


def _milliseconds(stage: StageStatus) -> int:
    return stage.timings.started_milliseconds + stage.timings.worked_milliseconds


def _price(frozen: FrozenPlan, stage: StageStatus) -> int:
    return frozen.stage(stage.name).candidates[stage.candidate].device.price_micros_per_hour


def _progress(status: JobStatus, frozen: FrozenPlan) -> int:
    """Work done in thousandths; each stage weighs what its engine's speed says it costs."""
    weights = {stage.name: _weight(stage, frozen) for stage in status.stages}
    done = sum(weights[stage.name] * _fraction(stage) for stage in status.stages)
    return min(999, int(1000 * done / max(sum(weights.values()), 1e-9)))


def _weight(stage: StageStatus, frozen: FrozenPlan) -> float:
    return 1000 / frozen.stage(stage.name).candidates[stage.candidate].device.speed_milli


def _fraction(stage: StageStatus) -> float:
    if stage.state.terminal:
        return 1.0
    return len(PartSet.parse(stage.completed_parts)) / stage.parts if stage.parts else 0.0
