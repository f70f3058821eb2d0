"""Fold what rounds did into a stage's status. Pure.

``round`` names the round that is accounted next: its end is counted exactly once, because the
same write that counts it moves ``round`` on. Finished parts are a union, so results may come
late, twice or in any order. A stage that has ended is never touched again but by a retry.
"""

from collections.abc import Iterable, Sequence

from dalston_crds.part_set import PartSet
from dalston_crds.v1alpha1 import FailureKind, PartFailure, StageState, StageStatus
from dalston_crds.v1alpha1.job_status import MAX_PART_FAILURES
from dalston_operator.frozen_plan import FrozenPlan, FrozenStage
from dalston_operator.pipeline import SKIPS_WITH
from dalston_operator.rounds import ObservedRound, RoundEnd

MAX_START_FAILURES = 5
MAX_LOST_ROUNDS = 10


def initial_stages(frozen: FrozenPlan) -> tuple[StageStatus, ...]:
    """Every node of an accepted job's plan, waiting."""
    return tuple(
        StageStatus(
            name=stage.name,
            covers=stage.covers,
            engine=stage.candidates[0].engine.name,
            parts=0 if stage.per_part else 1,
        )
        for stage in frozen.stages
    )


def reset_failed(stage: StageStatus, frozen: FrozenStage) -> StageStatus:
    """A failed stage with fresh counters; finished parts and finished stages stay."""
    if stage.state is not StageState.FAILED:
        return stage
    return stage.model_copy(
        update={
            "state": StageState.WAITING,
            "failed_parts": "",
            "failures": (),
            "attempts": 0,
            "start_failures": 0,
            "message": "",
            "candidate": 0,
            "engine": frozen.candidates[0].engine.name,
        }
    )


def inherit_skips(stages: Sequence[StageStatus]) -> tuple[StageStatus, ...]:
    """Stages that have nothing to work on because another was skipped are skipped with it."""
    skipped = {stage.name for stage in stages if stage.state is StageState.SKIPPED}

    def inherited(stage: StageStatus) -> StageStatus:
        cause = SKIPS_WITH.get(stage.name)
        if stage.state.terminal or cause not in skipped:
            return stage
        message = f"stage {cause} was skipped"
        return stage.model_copy(update={"state": StageState.SKIPPED, "message": message})

    return tuple(map(inherited, stages))


def fold(stage: StageStatus, frozen: FrozenStage, rounds: Sequence[ObservedRound]) -> StageStatus:
    """The stage after everything its rounds have said."""
    if stage.state.terminal:
        return stage
    own = {item.number: item for item in rounds if item.stage == stage.name}
    stage = _with_finished(stage, own.values())
    while (round_ := own.get(stage.round)) is not None and round_.end is not None:
        stage = _accounted(stage, frozen, round_)
        if stage.state.terminal:
            return stage
    if not _complete(stage):
        return stage
    current = own.get(stage.round)
    return _succeeded(stage if current is None else _counted(stage, current))


def _with_finished(stage: StageStatus, rounds: Iterable[ObservedRound]) -> StageStatus:
    finished = before = PartSet.parse(stage.completed_parts)
    for item in rounds:
        finished |= item.finished()
    if stage.parts:
        finished &= PartSet.first(stage.parts)
    if finished == before:
        return stage
    return stage.model_copy(update={"completed_parts": str(finished)})


def _complete(stage: StageStatus) -> bool:
    return 0 < stage.parts == len(PartSet.parse(stage.completed_parts))


def _succeeded(stage: StageStatus) -> StageStatus:
    return stage.model_copy(update={"state": StageState.SUCCEEDED, "message": ""})


def _accounted(stage: StageStatus, frozen: FrozenStage, ended: ObservedRound) -> StageStatus:
    """The stage after one of its rounds has ended."""
    stage = _counted(stage, ended)
    if _complete(stage):
        return _succeeded(stage)
    if ended.end is RoundEnd.STOPPED:
        return stage
    if ended.end is RoundEnd.NEVER_STARTED:
        return _never_started(stage, frozen, ended)
    if ended.end is RoundEnd.UNAVAILABLE:
        return _next_engine(stage, frozen, _first_message(ended) or "the engine cannot run here")
    stage = stage.model_copy(update={"attempts": stage.attempts + 1})
    if ended.end is RoundEnd.FAILED:
        return _failed(stage, frozen, ended)
    if stage.attempts > MAX_LOST_ROUNDS:
        return _given_up(stage, frozen, f"its results were lost {stage.attempts} times")
    return stage


def _never_started(stage: StageStatus, frozen: FrozenStage, ended: ObservedRound) -> StageStatus:
    failures = stage.start_failures + 1
    stage = stage.model_copy(update={"start_failures": failures})
    if failures < MAX_START_FAILURES:
        return stage
    why = f"no pod of it started in {failures} rounds"
    return _next_engine(stage, frozen, f"{why} ({ended.waits_for})" if ended.waits_for else why)


def _next_engine(stage: StageStatus, frozen: FrozenStage, why: str) -> StageStatus:
    """Go on with the next fallback, or give up."""
    place = stage.candidate + 1
    if place >= len(frozen.candidates):
        return _given_up(stage, frozen, why)
    engine = frozen.candidates[place].engine.name
    return stage.model_copy(
        update={
            "candidate": place,
            "engine": engine,
            "attempts": 0,
            "start_failures": 0,
            "message": why[:512],
        }
    )


def _failed(stage: StageStatus, frozen: FrozenStage, ended: ObservedRound) -> StageStatus:
    """Parts were given up: the stage fails with the first of their messages."""
    why = _first_message(ended) or "it crashed"
    failures = [failure for result in ended.results for failure in result.failures]
    failures = failures or [PartFailure(part=_first_unfinished(stage), message=why[:256])]
    parts = PartSet.parse(stage.failed_parts) | PartSet.of(item.part for item in failures)
    kept = (*stage.failures, *failures)[:MAX_PART_FAILURES]
    stage = stage.model_copy(update={"failed_parts": str(parts), "failures": kept})
    return _given_up(stage, frozen, failures[0].message)


def _given_up(stage: StageStatus, frozen: FrozenStage, why: str) -> StageStatus:
    state = StageState.FAILED if frozen.required else StageState.SKIPPED
    failures = stage.failures or (
        PartFailure(part=0, kind=FailureKind.UNAVAILABLE, message=why[:256]),
    )
    return stage.model_copy(update={"state": state, "message": why[:512], "failures": failures})


def _counted(stage: StageStatus, round_: ObservedRound) -> StageStatus:
    """The stage with the time its current round took; the next one is current now."""
    before = stage.timings
    started = sum(result.timings.started_milliseconds for result in round_.results)
    worked = sum(result.timings.worked_milliseconds for result in round_.results)
    timings = before.model_copy(
        update={
            "started_milliseconds": before.started_milliseconds + started,
            "worked_milliseconds": before.worked_milliseconds + worked,
        }
    )
    return stage.model_copy(update={"round": stage.round + 1, "timings": timings})


def _first_unfinished(stage: StageStatus) -> int:
    return PartSet.parse(stage.completed_parts).contiguous_start()


def _first_message(ended: ObservedRound) -> str:
    return next((result.message for result in ended.results if result.message), "")
