"""Decide what happens to a job next. Pure: no cluster, no clock, no logging.

``plan`` compares what was asked for with what is, and says what to start, to stop and to report.
It keeps no memory: everything it knows is in the job's status, its frozen plan and its rounds, so
it may run at any time, from any copy of those, and a restart loses nothing. Neighbours:
``stage_progress`` folds rounds into stages, ``requests`` writes what a round is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dalston_crds.v1alpha1 import JobStatus, StageName, StageState, StageStatus, TranscriptionJob
from dalston_operator import conditions
from dalston_operator.cluster import Observation
from dalston_operator.conditions import Verdict, conditions_for
from dalston_operator.frozen_plan import FrozenPlan, FrozenStage
from dalston_operator.requests import round_for, too_large
from dalston_operator.rounds import ObservedRound, Round, live_round
from dalston_operator.selection import select
from dalston_operator.stage_progress import fold, inherit_skips, initial_stages, reset_failed
from dalston_operator.status_totals import totals


@dataclass(frozen=True)
class Plan:
    """What to do, in this order, and when to look again."""

    freeze: FrozenPlan | None = None
    stop: tuple[ObservedRound, ...] = ()
    suspend: tuple[ObservedRound, ...] = ()
    resume: tuple[ObservedRound, ...] = ()
    status: JobStatus | None = None
    """The status to write; None when it would not change."""
    start: tuple[Round, ...] = ()
    wake_at: datetime | None = None


@dataclass(frozen=True)
class _Outcome:
    """How the job is going to end; stages must stop first."""

    kind: str
    reason: str
    message: str


def plan(observed: Observation, now: datetime) -> Plan:
    """The next step of a job."""
    job = observed.job
    live = tuple(item for item in observed.rounds if item.live)
    if job.finished:
        return Plan(stop=live, status=_acknowledged(job))
    if observed.frozen is None:
        return _accept(observed, now)
    return _advance(observed, observed.frozen, now)


def _accept(observed: Observation, now: datetime) -> Plan:
    """Choose engines, or refuse the job with all reasons."""
    job = observed.job
    if job.spec.cancel:
        verdict = Verdict(conditions.FAILED, conditions.CANCELLED, "cancelled before it started")
        return Plan(status=_turned_away(job, verdict, now))
    selection = select(job.spec, observed.engines)
    refusal = selection.refusal or too_large(observed, selection.plan)
    if selection.plan is None or refusal:
        verdict = Verdict(conditions.FAILED, conditions.REFUSED, refusal)
        return Plan(status=_turned_away(job, verdict, now))
    advanced = _advance(observed, selection.plan, now)
    return Plan(
        freeze=selection.plan,
        start=advanced.start,
        status=advanced.status,
        wake_at=advanced.wake_at,
    )


def _advance(observed: Observation, frozen: FrozenPlan, now: datetime) -> Plan:
    """Fold the rounds into the stages, then decide by the job's outcome so far."""
    job = observed.job
    status = _retried(job, frozen)
    if not status.stages:
        status = status.model_copy(update={"stages": initial_stages(frozen)})
    stages = inherit_skips(
        [fold(stage, _frozen_of(frozen, stage), observed.rounds) for stage in status.stages]
    )
    status = totals(status.model_copy(update={"stages": stages}), observed, frozen)
    outcome = _outcome(job, status, frozen, now)
    if outcome is not None:
        return _end(observed, frozen, status, outcome, now)
    return _work(observed, frozen, status, now)


def _work(observed: Observation, frozen: FrozenPlan, status: JobStatus, now: datetime) -> Plan:
    """Start every stage that is due, unless the job is suspended."""
    job, live = observed.job, [item for item in observed.rounds if item.live]
    if job.spec.suspend:
        paused = tuple(item for item in live if not item.suspended)
        message = "spec.suspend is set; unset it to go on"
        verdict = Verdict(conditions.RECONCILING, conditions.SUSPENDED, message)
        written = _written(job, status, verdict, now)
        return Plan(suspend=paused, status=written, wake_at=_deadline(job))
    due = [stage for stage in status.stages if _due(stage, status, frozen)]
    started = [
        round_for(observed, frozen, stage, status)
        for stage in due
        if live_round(observed.rounds, stage.name) is None
    ]
    running = {stage.name for stage in due}
    stages = tuple(
        stage.model_copy(update={"state": StageState.RUNNING}) if stage.name in running else stage
        for stage in status.stages
    )
    status = status.model_copy(update={"stages": stages, "started_at": status.started_at or now})
    verdict = _working(stages, live)
    return Plan(
        resume=tuple(item for item in live if item.suspended),
        start=tuple(started),
        stop=_idle(live, status),
        status=_written(job, status, verdict, now),
        wake_at=_deadline(job),
    )


def _end(
    observed: Observation, frozen: FrozenPlan, status: JobStatus, outcome: _Outcome, now: datetime
) -> Plan:
    """Stop what runs, purge if privacy was asked for, then say how the job ended."""
    job = observed.job
    live = tuple(item for item in observed.rounds if item.live and item.stage != StageName.PURGE)
    purge = status.stage(StageName.PURGE)
    if live:
        message = f"stopping {', '.join(sorted(item.stage for item in live))}: {outcome.message}"
        verdict = Verdict(conditions.RECONCILING, conditions.ENDING, message)
        return Plan(stop=live, status=_written(job, status, verdict, now))
    if purge is not None and not purge.state.terminal:
        return _purge(observed, frozen, status, purge, now)
    if purge is not None:
        outcome = _after_purge(outcome, purge)
    if outcome.kind == conditions.COMPLETE:
        status = status.model_copy(update={"progress": 1000})
    verdict = Verdict(outcome.kind, outcome.reason, outcome.message)
    return Plan(status=_written(job, status, verdict, now))


def _purge(
    observed: Observation,
    frozen: FrozenPlan,
    status: JobStatus,
    purge: StageStatus,
    now: datetime,
) -> Plan:
    verdict = Verdict(conditions.RECONCILING, conditions.WORKING, "removing unredacted artifacts")
    started: tuple[Round, ...] = ()
    if live_round(observed.rounds, StageName.PURGE) is None:
        started = (round_for(observed, frozen, purge, status),)
    stages = tuple(
        stage.model_copy(update={"state": StageState.RUNNING}) if stage is purge else stage
        for stage in status.stages
    )
    status = status.model_copy(update={"stages": stages})
    return Plan(start=started, status=_written(observed.job, status, verdict, now))


def _after_purge(outcome: _Outcome, purge: StageStatus) -> _Outcome:
    if purge.state is StageState.FAILED:
        message = f"unredacted artifacts could not be removed: {purge.message}"
        return _Outcome(conditions.FAILED, conditions.STAGE_FAILED, message)
    if purge.state is StageState.SUCCEEDED and outcome.kind == conditions.FAILED:
        message = f"{outcome.message}; what it made is purged: to try again, create a new job"
        return _Outcome(conditions.FAILED, outcome.reason, message)
    return outcome


def _outcome(
    job: TranscriptionJob, status: JobStatus, frozen: FrozenPlan, now: datetime
) -> _Outcome | None:
    """How the job ends, if it is time; None while there is work to do."""
    if job.spec.cancel:
        return _Outcome(conditions.FAILED, conditions.CANCELLED, "cancelled")
    failed = [
        s for s in status.stages if s.state is StageState.FAILED and s.name != StageName.PURGE
    ]
    if failed:
        message = f"{failed[0].name}: {failed[0].message}"
        return _Outcome(conditions.FAILED, conditions.STAGE_FAILED, message)
    pending = [s for s in status.stages if not s.state.terminal and s.name != StageName.PURGE]
    if not pending:
        return _Outcome(conditions.COMPLETE, conditions.FINISHED, "the transcript is ready")
    deadline = _deadline(job)
    if deadline is not None and now >= deadline:
        message = f"not finished within {job.spec.deadline_seconds} s of its creation"
        return _Outcome(conditions.FAILED, conditions.DEADLINE_EXCEEDED, message)
    return None


def _due(stage: StageStatus, status: JobStatus, frozen: FrozenPlan) -> bool:
    """Whether everything the stage follows has ended and it has not."""
    if stage.state.terminal or stage.name == StageName.PURGE:
        return False
    states = {item.name: item.state for item in status.stages}
    return all(states[need].terminal for need in _frozen_of(frozen, stage).needs)


def _working(stages: Sequence[StageStatus], live: Sequence[ObservedRound]) -> Verdict:
    waiting = next((item for item in live if item.waits_for), None)
    if waiting is not None:
        message = f"stage {waiting.stage} waits"
        return Verdict(conditions.RECONCILING, waiting.waits_for, message)
    running = [stage.name for stage in stages if stage.state is StageState.RUNNING]
    return Verdict(conditions.RECONCILING, conditions.WORKING, f"running {', '.join(running)}")


def _idle(live: Sequence[ObservedRound], status: JobStatus) -> tuple[ObservedRound, ...]:
    """Live rounds of stages that have ended: nothing they do is needed any more."""
    ended = {stage.name for stage in status.stages if stage.state.terminal}
    return tuple(item for item in live if item.stage in ended)


def _retried(job: TranscriptionJob, frozen: FrozenPlan) -> JobStatus:
    """The status to go on from: failures forgotten when spec.retry has grown.

    Once a purge has begun, what finished stages have made is going or gone: nothing is retried.
    """
    status = job.status
    if job.spec.retry <= status.retry:
        return status
    purge, stages = status.stage(StageName.PURGE), status.stages
    if purge is None or purge.state not in (StageState.RUNNING, StageState.SUCCEEDED):
        stages = tuple(reset_failed(stage, _frozen_of(frozen, stage)) for stage in stages)
    return status.model_copy(update={"retry": job.spec.retry, "stages": stages})


def _turned_away(job: TranscriptionJob, verdict: Verdict, now: datetime) -> JobStatus | None:
    """The status of a job that ends without having been accepted."""
    return _written(job, job.status.model_copy(update={"retry": job.spec.retry}), verdict, now)


def _acknowledged(job: TranscriptionJob) -> JobStatus | None:
    """The status of a finished job whose spec has changed in ways that ask for nothing."""
    seen = {"observed_generation": job.metadata.generation}
    if job.status.observed_generation == job.metadata.generation:
        return None
    found = tuple(item.model_copy(update=seen) for item in job.status.conditions)
    return job.status.model_copy(update={"conditions": found, **seen})


def _written(
    job: TranscriptionJob, status: JobStatus, verdict: Verdict, now: datetime
) -> JobStatus | None:
    """The whole new status, or None when nothing in it differs from what is known."""
    generation = job.metadata.generation
    on_its_way = verdict.kind == conditions.RECONCILING
    status = status.model_copy(
        update={
            "conditions": conditions_for(verdict, job.status.conditions, generation, now),
            "observed_generation": generation,
            "finished_at": None if on_its_way else status.finished_at or now,
        }
    )
    return None if status == job.status else status


def _deadline(job: TranscriptionJob) -> datetime | None:
    created = job.metadata.creation_timestamp
    return created + timedelta(seconds=job.spec.deadline_seconds) if created else None


def _frozen_of(frozen: FrozenPlan, stage: StageStatus) -> FrozenStage:
    return frozen.stage(stage.name)
