"""The planner against a hostile world: every order of events keeps its promises and ends the job.

Hypothesis plays the user, the pods, the clock and the faults; ``MemoryCluster`` keeps what an API
server would keep. Each start and each status write is judged as it happens.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from memory_cluster import Crash, MemoryCluster, MemoryRound, Recording, at_once
from operator_fixtures import (
    CREATED,
    NOW,
    core_engines,
    engines_for_everything,
    make_engine,
    make_job,
)

from dalston_crds.part_set import PartSet
from dalston_crds.v1alpha1 import (
    ConditionStatus,
    Engine,
    JobStatus,
    StageName,
    StageState,
    StageStatus,
)
from dalston_operator.cluster import Observation
from dalston_operator.frozen_plan import FrozenPlan
from dalston_operator.pipeline import NEEDS, SKIPS_WITH
from dalston_operator.plan import plan
from dalston_operator.reconcile import reconcile
from dalston_operator.rounds import Round, RoundEnd

MAX_STATUS_BYTES = 64 * 1024
MAX_RETRIES = 4
STEPS_TO_THE_END = 60
"""Reconciles in which an undisturbed job must end: fourteen stages and their fallbacks."""


@dataclass(frozen=True)
class Shape:
    """One kind of job and the place it is submitted to."""

    spec: dict[str, Any]
    engines: tuple[Engine, ...]
    recording: Recording = field(default_factory=Recording)


EVERY_STAGE = {
    "language": None,
    "speakers": {"mode": "Diarize"},
    "enrich": {"detect": ["Emotion"], "refine": ["Summary"]},
    "privacy": {"entities": ["name"], "redact_audio": "Beep"},
}
SHAPES = {
    "plain": Shape({}, core_engines(), Recording(parts=3)),
    "one fallback, short deadline": Shape(
        {"deadline_seconds": 7200},
        (*core_engines(), make_engine("old", "transcribe", rank=-1)),
        Recording(parts=2),
    ),
    "every channel, aligned": Shape(
        {"speakers": {"mode": "PerChannel"}},
        engines_for_everything(),
        Recording(channels=2, parts=6),
    ),
    "every stage, with fallbacks": Shape(EVERY_STAGE, engines_for_everything(), Recording(parts=4)),
    "every stage is required, none falls back": Shape(
        EVERY_STAGE | {"stages": [{"name": name, "required": True} for name in StageName]},
        engines_for_everything(("only",)),
        Recording(parts=4),
    ),
    "optional stages nothing can run": Shape(
        {
            "speakers": {"mode": "Diarize"},
            "enrich": {"detect": ["Events"], "refine": ["Topics"]},
            "stages": [{"name": "diarize", "required": False}],
        },
        (*core_engines(), make_engine("linker", "speaker-link")),
        Recording(parts=2),
    ),
    "private, one engine for most": Shape(
        {"privacy": {"entities": ["name"]}},
        (
            *core_engines(),
            make_engine(
                "eraser", "pii-detect", "export", "purge", capabilities={"entities": ["name"]}
            ),
        ),
        Recording(parts=2),
    ),
    "redaction nobody can check": Shape(
        {"privacy": {"entities": ["name"], "redact_audio": "Silence", "verify": "BestEffort"}},
        tuple(e for e in engines_for_everything() if "verify" not in e.spec.stages),
        Recording(parts=2),
    ),
    "pinned": Shape({"model": "whisper"}, core_engines(), Recording(parts=2)),
    "refused until an engine comes": Shape({}, core_engines()[:1], Recording(parts=2)),
}
ADDED_LATER = core_engines()
"""Engines of a place that lacked some."""

SHAPE = st.sampled_from(sorted(SHAPES))
STEPS = st.integers(min_value=0, max_value=9)
PICKS = st.integers(min_value=0, max_value=7)
LAGS = st.integers(min_value=0, max_value=8)
LIKELY = st.sampled_from([True, True, False])
CHANGES = st.sampled_from(["suspend", "retry", "priority", "suspend", "retry", "cancel"])
ENDS = st.sampled_from(
    [
        (RoundEnd.LOST, {}),
        (RoundEnd.UNAVAILABLE, {"message": "no weights"}),
        (RoundEnd.NEVER_STARTED, {}),
        (RoundEnd.FAILED, {"failures": [{"part": 0, "message": "not audio"}]}),
        (RoundEnd.FAILED, {"message": "x" * 512}),
        (RoundEnd.FAILED, {}),
    ]
)


def parts_of(text: str) -> PartSet:
    return PartSet.parse(text)


def ancestors(stage: StageName) -> set[StageName]:
    """Every stage that must have ended before *stage* starts, if the plan has it."""
    direct = set(NEEDS[stage])
    return direct.union(*map(ancestors, direct))


ANCESTORS = {stage: ancestors(stage) for stage in StageName}


def one_verdict(status: JobStatus) -> None:
    held = {item.type for item in status.conditions if item.status is ConditionStatus.TRUE}
    assert {item.type for item in status.conditions} == {
        "Reconciling",
        "Complete",
        "Failed",
        "Stalled",
    }
    assert len(held - {"Stalled"}) == 1
    assert ("Stalled" in held) == ("Failed" in held)


def times_move_with_status(before: JobStatus, after: JobStatus) -> None:
    for condition in after.conditions:
        earlier = before.condition(condition.type)
        if earlier is not None and earlier.status is condition.status:
            assert condition.last_transition_time == earlier.last_transition_time


def stage_history_is_kept(before: StageStatus, after: StageStatus, retried: bool) -> None:
    if before.state.terminal and after.state is not before.state:
        assert before.state is StageState.FAILED
        assert retried
    assert parts_of(before.completed_parts) <= parts_of(after.completed_parts)
    assert after.round >= before.round
    assert after.parts == before.parts or not before.parts
    if after.state is StageState.SUCCEEDED:
        assert parts_of(after.completed_parts) == PartSet.first(after.parts)


def history_is_kept(before: JobStatus, after: JobStatus) -> None:
    known = {stage.name: stage for stage in after.stages}
    for stage in before.stages:
        stage_history_is_kept(stage, known[stage.name], after.retry > before.retry)
    assert after.retry >= before.retry
    assert after.progress >= before.progress
    assert set(before.warnings) <= set(after.warnings)


def only_unfinished_parts(started: Round, stage: StageStatus, seen: Observation) -> None:
    assert started.parts == PartSet.first(stage.parts) - parts_of(stage.completed_parts)
    assert started.parts
    for item in seen.rounds:
        if item.stage == started.stage:
            assert not item.live
            assert not item.finished() & started.parts


def everything_needed_has_ended(started: Round, status: JobStatus) -> None:
    covers = started.request.covers
    needed = set().union(*(ANCESTORS[name] for name in covers)) - set(covers)
    for name in needed:
        stage = status.stage(name)
        assert stage is None or stage.state.terminal, f"{started.stage} before {name}"
    for name in {SKIPS_WITH[name] for name in covers if name in SKIPS_WITH}:
        stage = status.stage(name)
        assert stage is not None, f"{started.stage} without {name}"
        assert stage.state is StageState.SUCCEEDED


class PlannerMachine(RuleBasedStateMachine):
    """One job, from its submission to its end."""

    @initialize(shape=SHAPE, steps=STEPS)
    def a_job_has_come_some_way(self, shape: str, steps: int) -> None:
        self._submit(shape, steps)

    @precondition(lambda self: not self._open())
    @rule(shape=SHAPE, steps=STEPS)
    def another_job_is_submitted(self, shape: str, steps: int) -> None:
        self._ends_and_rests()
        self._submit(shape, steps)

    def _submit(self, shape: str, steps: int) -> None:
        chosen = SHAPES[shape]
        self.now = NOW
        self.cluster = MemoryCluster(
            make_job(**chosen.spec),
            chosen.engines,
            chosen.recording,
            on_start=self._judge_start,
            on_write=self._judge_write,
        )
        for _ in range(steps):
            if sum(not stage.state.terminal for stage in self.cluster.job.status.stages) != 1:
                self._reconcile()
                self._end_all_well()
        self._reconcile()

    # What the operator does.

    @rule(job_lag=LAGS, rounds_lag=LAGS, actions=st.none() | st.integers(min_value=0, max_value=3))
    def the_operator_sees_old_copies_or_dies(
        self, job_lag: int, rounds_lag: int, actions: int | None
    ) -> None:
        self.cluster.job_lag, self.cluster.rounds_lag = job_lag, rounds_lag
        self.cluster.crash_after = actions
        try:
            with suppress(Crash):
                self._reconcile()
        finally:
            self.cluster.job_lag = self.cluster.rounds_lag = 0
            self.cluster.crash_after = None

    # What pods do; *noticed* says whether the operator looks at once.

    @precondition(lambda self: self._working())
    @rule(pick=PICKS, count=st.integers(min_value=1, max_value=4), told=LIKELY, noticed=LIKELY)
    def pods_finish_parts(self, pick: int, count: int, told: bool, noticed: bool) -> None:
        worked = self._pick(self._working(), pick)
        self.cluster.work(worked, PartSet.of(tuple(worked.missing)[-count:]))
        if told:
            worked.tell()
        self._changed(noticed)

    @precondition(lambda self: self._working())
    @rule(told=LIKELY, noticed=LIKELY)
    def all_pods_finish(self, told: bool, noticed: bool) -> None:
        for worked in self._working():
            self._complete(worked, told)
        self._changed(noticed)

    @precondition(lambda self: self._untold())
    @rule(pick=PICKS, noticed=LIKELY)
    def a_report_arrives_late(self, pick: int, noticed: bool) -> None:
        self._pick(self._untold(), pick).tell()
        self._changed(noticed)

    @precondition(lambda self: len(self.cluster.rounds) > len(self.cluster.live()) > 0)
    @rule(pick=PICKS, other=PICKS, too_much=st.booleans())
    def a_report_arrives_twice(self, pick: int, other: int, too_much: bool) -> None:
        rounds = [*self.cluster.rounds.values()]
        first = self._pick(rounds, pick)
        again = self._pick([r for r in rounds if r.round_.stage == first.round_.stage], other)
        again.told |= first.told | PartSet.of([50] if too_much else [])
        self._changed(noticed=True)

    @precondition(lambda self: self.cluster.live())
    @rule(pick=PICKS, how=ENDS, count=st.integers(min_value=0, max_value=3), told=LIKELY)
    def a_round_ends_badly(
        self, pick: int, how: tuple[RoundEnd, dict[str, Any]], count: int, told: bool
    ) -> None:
        end, last_words = how
        worked = self._pick(self.cluster.live(), pick)
        self.cluster.work(worked, PartSet.of(tuple(worked.missing)[:count]))
        if told:
            worked.tell()
        if end is RoundEnd.NEVER_STARTED and worked.done:
            end = RoundEnd.LOST
        worked.finish(end, **last_words)
        self._changed(noticed=True)

    @precondition(lambda self: self._unstarted())
    @rule(pick=PICKS, times=st.integers(min_value=1, max_value=11))
    def nothing_of_a_stage_starts_for_a_while(self, pick: int, times: int) -> None:
        stage = self._pick(self._unstarted(), pick).round_.stage
        for _ in range(times):
            for worked in self._unstarted():
                if worked.round_.stage == stage:
                    worked.finish(RoundEnd.NEVER_STARTED)
            self._changed(noticed=True)

    @precondition(lambda self: self._stopping())
    @rule(pick=PICKS, noticed=LIKELY)
    def a_stopped_round_ends(self, pick: int, noticed: bool) -> None:
        self._pick(self._stopping(), pick).finish(RoundEnd.STOPPED)
        self._changed(noticed)

    @precondition(lambda self: self.cluster.live())
    @rule(what=st.sampled_from(["pods wait", "old rounds are removed", "the power fails"]))
    def something_happens_around_the_pods(self, what: str) -> None:
        if what == "pods wait":
            self.cluster.live()[0].waits_for = "Unschedulable"
        elif what == "the power fails":
            self.cluster.power_cut()
        for item in self._accounted():
            self.cluster.forget(item)
        self._changed(noticed=True)

    # What the user and the clock do.

    @rule(change=CHANGES, noticed=LIKELY)
    def the_user_changes_the_job(self, change: str, noticed: bool) -> None:
        spec = self.cluster.job.spec
        if change == "suspend":
            self.cluster.edit(suspend=not spec.suspend)
        elif change == "retry":
            self.cluster.edit(retry=min(spec.retry + 1, MAX_RETRIES))
        elif change == "priority":
            self.cluster.edit(priority=spec.priority + 1)
        elif change == "cancel":
            self.cluster.edit(cancel=True)
        self._changed(noticed)

    @precondition(lambda self: len(self.cluster.engines) < len(ADDED_LATER))
    @rule()
    def engines_are_added(self) -> None:
        self.cluster.engines = ADDED_LATER

    @precondition(lambda self: self._open())
    @rule(seconds=st.sampled_from([1, 60, 3600, 86_400]), noticed=LIKELY)
    def time_passes(self, seconds: int, noticed: bool) -> None:
        self.now += timedelta(seconds=seconds, microseconds=7)
        self._changed(noticed)

    # What must always hold.

    @invariant()
    def at_most_one_round_of_a_stage_lives(self) -> None:
        stages = [item.round_.stage for item in self.cluster.live()]
        assert len(stages) == len(set(stages))

    @invariant()
    def the_status_is_sound(self) -> None:
        status = self.cluster.job.status
        if status.conditions:
            one_verdict(status)
            assert len(status.model_dump_json(by_alias=True)) <= MAX_STATUS_BYTES

    def teardown(self) -> None:
        """Without faults the job ends soon, and then nothing is done any more."""
        if hasattr(self, "cluster"):
            self._ends_and_rests()

    def _ends_and_rests(self) -> None:
        self.cluster.edit(suspend=False)
        for _ in range(STEPS_TO_THE_END):
            self._changed(noticed=True)
            self._end_all_well()
            if self.cluster.job.finished:
                break
        assert self.cluster.job.finished
        self._reconcile()
        self._is_at_rest()

    def _is_at_rest(self) -> None:
        before = len(self.cluster.calls)
        assert self._reconcile() is None
        assert self.cluster.calls[before:] == []
        assert not self.cluster.live()
        job = self.cluster.job
        assert job.status.observed_generation == job.metadata.generation
        assert job.status.finished_at is not None

    def _reconcile(self) -> datetime | None:
        return at_once(reconcile("call", self.cluster, lambda: self.now))

    def _judge_start(self, started: Round) -> None:
        """A round is about to be made, of what was observed last."""
        seen = self.cluster.seen
        assert seen is not None
        decided = plan(seen, self.now)
        status = decided.status or seen.job.status
        stage = status.stage(started.stage)
        assert stage is not None
        only_unfinished_parts(started, stage, seen)
        reconciling = status.condition("Reconciling")
        assert reconciling is not None
        assert reconciling.status is ConditionStatus.TRUE
        if started.stage is StageName.PURGE:
            assert not any(item.live for item in seen.rounds)
            return
        everything_needed_has_ended(started, status)
        assert not seen.job.spec.suspend
        assert not seen.job.spec.cancel
        assert not self._has_purged(status)

    def _judge_write(self, before: JobStatus, after: JobStatus) -> None:
        """A status is about to be stored."""
        one_verdict(after)
        times_move_with_status(before, after)
        history_is_kept(before, after)
        ended = after.condition("Reconciling")
        assert ended is not None
        if ended.status is ConditionStatus.FALSE and after.stages:
            self._judge_end(after, self.cluster.frozen)

    def _judge_end(self, status: JobStatus, frozen: FrozenPlan | None) -> None:
        """With privacy a job ends after its purge, and nothing that came after it is left."""
        assert frozen is not None
        if StageName.PURGE not in {stage.name for stage in frozen.stages}:
            return
        purge = status.stage(StageName.PURGE)
        assert purge is not None
        assert purge.state.terminal
        if purge.state is StageState.SUCCEEDED:
            assert not self.cluster.unredacted

    def _nothing_is_stuck(self) -> None:
        """After an undisturbed step the job has ended, or something will call for the next one."""
        job, live = self.cluster.job, self.cluster.live()
        assert job.finished or live or job.spec.suspend
        ended = {stage.name for stage in job.status.stages if stage.state.terminal}
        others = [r for r in live if r.round_.stage is not StageName.PURGE]
        if job.finished or not job.spec.suspend:
            assert all(r.stopping for r in others if r.round_.stage in ended)
        if job.finished or job.spec.cancel or self.now >= self._deadline():
            assert all(r.stopping for r in others)
        elif not self._has_purged(job.status):
            assert all(r.suspended == job.spec.suspend or r.stopping for r in live)

    def _deadline(self) -> datetime:
        return CREATED + timedelta(seconds=self.cluster.job.spec.deadline_seconds)

    def _has_purged(self, status: JobStatus) -> bool:
        purge = status.stage(StageName.PURGE)
        return purge is not None and purge.state is not StageState.WAITING

    def _open(self) -> bool:
        return not self.cluster.job.finished

    def _working(self) -> list[MemoryRound]:
        return [item for item in self.cluster.live() if not item.suspended]

    def _untold(self) -> list[MemoryRound]:
        return [item for item in self.cluster.rounds.values() if item.done - item.told]

    def _unstarted(self) -> list[MemoryRound]:
        return [item for item in self.cluster.live() if not item.done and not item.stopping]

    def _stopping(self) -> list[MemoryRound]:
        return [item for item in self.cluster.live() if item.stopping]

    def _accounted(self) -> list[MemoryRound]:
        """Ended rounds whose end is in the status."""
        stages = {stage.name: stage.round for stage in self.cluster.job.status.stages}
        rounds = self.cluster.rounds.values()
        return [r for r in rounds if not r.live and r.round_.number < stages[r.round_.stage]]

    def _end_all_well(self) -> None:
        for worked in self.cluster.live():
            if worked.stopping:
                worked.finish(RoundEnd.STOPPED)
            else:
                self._complete(worked, told=True)
        self.cluster.rounds_changed()

    def _complete(self, worked: MemoryRound, told: bool) -> None:
        self.cluster.work(worked, worked.missing)
        if told:
            worked.tell()
        worked.finish(RoundEnd.DONE)

    def _changed(self, noticed: bool) -> None:
        self.cluster.rounds_changed()
        if noticed:
            self._reconcile()
            self._nothing_is_stuck()

    def _pick(self, rounds: list[MemoryRound], pick: int) -> MemoryRound:
        return rounds[pick % len(rounds)]


@pytest.mark.timeout(900)  # a failure takes minutes to be made small
def test_every_history_of_a_job_keeps_the_promises_and_ends() -> None:
    run_state_machine_as_test(
        PlannerMachine,
        settings=settings(
            max_examples=250,
            stateful_step_count=40,
            report_multiple_bugs=False,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
