"""What the planner starts, stops and says, case by case."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from memory_cluster import Crash, MemoryCluster, at_once
from operator_fixtures import (
    CREATED,
    NOW,
    WORDS,
    a_round,
    accepted,
    core_engines,
    engines_for_everything,
    frozen_plan,
    make_engine,
    make_job,
    media,
    stage_status,
    succeeded,
)

from dalston_crds.v1alpha1 import (
    Condition,
    ConditionStatus,
    Engine,
    JobStatus,
    JobWarning,
    StageName,
    StageState,
    StageStatus,
)
from dalston_operator.cluster import Observation
from dalston_operator.plan import Plan, plan
from dalston_operator.reconcile import reconcile
from dalston_operator.rounds import ObservedRound, RoundEnd

PREPARE, TRANSCRIBE, ALIGN = StageName.PREPARE, StageName.TRANSCRIBE, StageName.ALIGN
DIARIZE, LINK, MERGE = StageName.DIARIZE, StageName.SPEAKER_LINK, StageName.MERGE
DETECT, EXPORT, PURGE = StageName.DETECT, StageName.EXPORT, StageName.PURGE
LOST, DONE, FAILED = RoundEnd.LOST, RoundEnd.DONE, RoundEnd.FAILED
NEVER, UNAVAILABLE, STOPPED = RoundEnd.NEVER_STARTED, RoundEnd.UNAVAILABLE, RoundEnd.STOPPED

CORE = core_engines()
SPEAKERS: dict[str, Any] = {"speakers": {"mode": "Diarize"}}
SPEAKER_ENGINES = (
    *CORE,
    make_engine("separator", "diarize"),
    make_engine("linker", "speaker-link"),
)
FALLBACKS = (*CORE, make_engine("old", "transcribe", capabilities=WORDS, rank=-1))
PRIVATE: dict[str, Any] = {"privacy": {"entities": ["name"]}}
PRIVATE_ENGINES = (
    *CORE,
    make_engine("finder", "pii-detect", capabilities={"entities": ["name"]}),
    make_engine("eraser", "purge"),
)
PREPARED = succeeded(PREPARE)
MERGED = succeeded(MERGE, covers=(MERGE, EXPORT))


def starts(decided: Plan) -> list[str]:
    return [f"{item.stage}-{item.number}[{item.parts}]" for item in decided.start]


def names(rounds: Sequence[ObservedRound]) -> list[str]:
    return [f"{item.stage}-{item.number}" for item in rounds]


def written(decided: Plan) -> JobStatus:
    assert decided.status is not None
    return decided.status


def verdict(status: JobStatus) -> Condition:
    """The condition that holds and tells the most."""
    held = [c for c in status.conditions if c.status is ConditionStatus.TRUE]
    return held[0]


def stage_of(decided: Plan, name: StageName) -> StageStatus:
    stage = written(decided).stage(name)
    assert stage is not None
    return stage


def working(name: StageName, **fields: Any) -> StageStatus:
    return stage_status(name, **fields)


def observed(
    *rounds: ObservedRound,
    stages: Sequence[StageStatus] = (),
    engines: Sequence[Engine] = CORE,
    spec: dict[str, Any] | None = None,
    **status: Any,
) -> Observation:
    known = accepted(make_job(**(spec or {})), engines, *stages, **status)
    return Observation(known.job, known.frozen, known.engines, rounds=rounds)


@dataclass(frozen=True)
class Case:
    """What is, and what the planner makes of it."""

    stages: tuple[StageStatus, ...] = ()
    rounds: tuple[ObservedRound, ...] = ()
    starts: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    reason: str = "Working"
    spec: dict[str, Any] = field(default_factory=dict)
    engines: tuple[Engine, ...] = CORE


RUNNING_FOUR = working(TRANSCRIBE, parts=4)
AT_WORK = {
    "an accepted job prepares": Case(starts=("prepare-0[0]",)),
    "what is running is left alone": Case(
        stages=(working(PREPARE),), rounds=(a_round(PREPARE),), starts=()
    ),
    "prepare says how many parts there are": Case(
        stages=(working(PREPARE),),
        rounds=(a_round(PREPARE, 0, "0", DONE, parts=4, media=media()),),
        starts=("transcribe-0[0-3]",),
    ),
    "a result counts before its round has ended": Case(
        stages=(working(PREPARE),),
        rounds=(a_round(PREPARE, 0, "0", parts=4, media=media()),),
        starts=("transcribe-0[0-3]",),
        stops=("prepare-0",),
    ),
    "speakers are told apart beside transcribing": Case(
        stages=(working(PREPARE),),
        rounds=(a_round(PREPARE, 0, "0", DONE, parts=2, media=media()),),
        starts=("transcribe-0[0-1]", "diarize-0[0-1]"),
        spec=SPEAKERS,
        engines=SPEAKER_ENGINES,
    ),
    "a stage waits for all parts of what it follows": Case(
        stages=(PREPARED, RUNNING_FOUR),
        rounds=(a_round(TRANSCRIBE, 0, "0-2"),),
    ),
    "merge and export are one round": Case(
        stages=(PREPARED, RUNNING_FOUR, working(MERGE, covers=(MERGE, EXPORT), state="Waiting")),
        rounds=(a_round(TRANSCRIBE, 0, "0-3", DONE),),
        starts=("merge-0[0]",),
    ),
    "lost results: only the unfinished parts are done again": Case(
        stages=(PREPARED, RUNNING_FOUR),
        rounds=(a_round(TRANSCRIBE, 0, "0,2", LOST),),
        starts=("transcribe-1[1,3]",),
    ),
    "a round that says it is done but not of what is done again": Case(
        stages=(PREPARED, RUNNING_FOUR),
        rounds=(a_round(TRANSCRIBE, 0, "0-1", DONE),),
        starts=("transcribe-1[2-3]",),
    ),
    "a late result of an older round is not worked on twice": Case(
        stages=(PREPARED, working(TRANSCRIBE, parts=4, round=1)),
        rounds=(a_round(TRANSCRIBE, 0, "0-1", LOST), a_round(TRANSCRIBE, 1, "", LOST)),
        starts=("transcribe-2[2-3]",),
    ),
    "late results may complete a stage, and what still works at it is stopped": Case(
        stages=(PREPARED, working(TRANSCRIBE, parts=4, round=1)),
        rounds=(a_round(TRANSCRIBE, 0, "0-3", LOST), a_round(TRANSCRIBE, 1)),
        starts=("merge-0[0]",),
        stops=("transcribe-1",),
    ),
    "a round nobody knows of any more is made again": Case(
        stages=(PREPARED, working(TRANSCRIBE, parts=4, round=3, completed_parts="1")),
        starts=("transcribe-3[0,2-3]",),
    ),
    "pods that never started are tried again": Case(
        stages=(PREPARED, RUNNING_FOUR),
        rounds=(a_round(TRANSCRIBE, 0, "", NEVER),),
        starts=("transcribe-1[0-3]",),
    ),
    "why pods do not run is the reason": Case(
        stages=(PREPARED, RUNNING_FOUR),
        rounds=(ObservedRound("uid", TRANSCRIBE, 0, waits_for="Unschedulable"),),
        reason="Unschedulable",
    ),
    "a stage that has ended is not made again because its round is gone": Case(
        stages=(PREPARED, succeeded(TRANSCRIBE, 4), working(MERGE, covers=(MERGE, EXPORT))),
        rounds=(a_round(MERGE),),
    ),
    "a suspended job starts nothing": Case(
        stages=(PREPARED, RUNNING_FOUR),
        rounds=(a_round(TRANSCRIBE, 0, "0", LOST),),
        spec={"suspend": True},
        reason="Suspended",
    ),
    "a failed required stage stops its siblings": Case(
        stages=(PREPARED, RUNNING_FOUR, working(DIARIZE, parts=4)),
        rounds=(a_round(TRANSCRIBE, 0, "", FAILED, message="noise"), a_round(DIARIZE, 0, "0")),
        stops=("diarize-0",),
        reason="Ending",
        spec=SPEAKERS,
        engines=SPEAKER_ENGINES,
    ),
    "cancelling stops everything": Case(
        stages=(PREPARED, RUNNING_FOUR),
        rounds=(a_round(TRANSCRIBE),),
        stops=("transcribe-0",),
        reason="Ending",
        spec={"cancel": True},
    ),
}


@pytest.mark.parametrize("case", AT_WORK.values(), ids=AT_WORK.keys())
def test_the_next_step_of_a_job(case: Case) -> None:
    seen = observed(*case.rounds, stages=case.stages, engines=case.engines, spec=case.spec)
    decided = plan(seen, NOW)
    assert starts(decided) == list(case.starts)
    assert names(decided.stop) == list(case.stops)
    assert verdict(written(decided)).type == "Reconciling"
    assert verdict(written(decided)).reason == case.reason


@dataclass(frozen=True)
class End:
    """How a job ends when this has happened."""

    kind: str
    reason: str
    message: str
    stages: tuple[StageStatus, ...] = ()
    rounds: tuple[ObservedRound, ...] = ()
    spec: dict[str, Any] = field(default_factory=dict)
    engines: tuple[Engine, ...] = CORE


ENDS = {
    "everything is done": End(
        "Complete",
        "Finished",
        "the transcript is ready",
        (PREPARED, succeeded(TRANSCRIBE), working(MERGE, covers=(MERGE, EXPORT))),
        (a_round(MERGE, 0, "0", DONE),),
    ),
    "an input is wrong": End(
        "Failed",
        "StageFailed",
        "prepare: not audio",
        (working(PREPARE),),
        (a_round(PREPARE, 0, "", FAILED, failures=[{"part": 0, "message": "not audio"}]),),
    ),
    "a pod crashes without a word": End(
        "Failed",
        "StageFailed",
        "prepare: it crashed",
        (working(PREPARE),),
        (a_round(PREPARE, 0, "", FAILED),),
    ),
    "it is cancelled and nothing runs": End(
        "Failed", "Cancelled", "cancelled", (PREPARED,), spec={"cancel": True}
    ),
    "the deadline has passed": End(
        "Failed",
        "DeadlineExceeded",
        "not finished within 30 s of its creation",
        (PREPARED,),
        spec={"deadline_seconds": 30},
    ),
    "an engine cannot run and there is no other": End(
        "Failed",
        "StageFailed",
        "transcribe: weights are missing",
        (PREPARED, working(TRANSCRIBE, parts=2)),
        (a_round(TRANSCRIBE, 0, "", UNAVAILABLE, message="weights are missing"),),
    ),
    "a pinned engine cannot run although others could": End(
        "Failed",
        "StageFailed",
        "transcribe: weights are missing",
        (PREPARED, working(TRANSCRIBE, parts=2)),
        (a_round(TRANSCRIBE, 0, "", UNAVAILABLE, message="weights are missing"),),
        {"model": "whisper"},
        FALLBACKS,
    ),
    "unredacted artifacts cannot be removed": End(
        "Failed",
        "StageFailed",
        "unredacted artifacts could not be removed: no rights",
        (
            PREPARED,
            succeeded(TRANSCRIBE),
            succeeded(MERGE),
            succeeded(StageName.PII_DETECT),
            succeeded(EXPORT),
            working(PURGE),
        ),
        (a_round(PURGE, 0, "", FAILED, message="no rights"),),
        PRIVATE,
        PRIVATE_ENGINES,
    ),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_how_a_job_ends(end: End) -> None:
    seen = observed(*end.rounds, stages=end.stages, engines=end.engines, spec=end.spec)
    decided = plan(seen, NOW)
    status = written(decided)
    assert (verdict(status).type, verdict(status).reason) == (end.kind, end.reason)
    assert verdict(status).message == end.message
    assert status.finished_at == NOW
    assert decided.start == ()
    assert decided.stop == ()


def test_a_new_job_is_frozen_and_started_in_one_step() -> None:
    job = make_job()
    decided = plan(Observation(job, engines=CORE), NOW)
    assert decided.freeze == frozen_plan(job, CORE)
    assert starts(decided) == ["prepare-0[0]"]
    assert [stage.state for stage in written(decided).stages] == ["Running", "Waiting", "Waiting"]
    assert decided.wake_at == CREATED + timedelta(days=7)


def test_a_suspended_new_job_is_accepted_but_not_started() -> None:
    decided = plan(Observation(make_job(suspend=True), engines=CORE), NOW)
    assert decided.freeze is not None
    assert decided.start == ()
    assert verdict(written(decided)).reason == "Suspended"


def test_a_job_cancelled_before_acceptance_is_not_frozen() -> None:
    decided = plan(Observation(make_job(cancel=True), engines=CORE), NOW)
    assert decided.freeze is None
    assert decided.start == ()
    assert verdict(written(decided)).reason == "Cancelled"
    assert written(decided).finished_at == NOW


def test_a_refused_job_says_why_and_is_accepted_by_a_retry_once_an_engine_is_there() -> None:
    job = make_job()
    refused = plan(Observation(job, engines=CORE[:1]), NOW)
    assert verdict(written(refused)).reason == "Refused"
    assert verdict(written(refused)).message == "no engine here covers stage transcribe"
    assert written(refused).finished_at == NOW

    stored = job.model_copy(update={"status": written(refused)})
    assert plan(Observation(stored, engines=CORE), NOW) == Plan()

    spec = job.spec.model_copy(update={"retry": 1})
    retried = stored.model_copy(update={"spec": spec})
    again = plan(Observation(retried, engines=CORE), NOW)
    assert starts(again) == ["prepare-0[0]"]
    assert written(again).retry == 1
    assert written(again).finished_at is None


def test_nothing_is_written_when_nothing_has_changed() -> None:
    first = plan(Observation(make_job(), engines=CORE), NOW)
    job = make_job(written(first))
    seen = Observation(job, first.freeze, CORE, rounds=(a_round(PREPARE),))
    later = plan(seen, NOW + timedelta(minutes=5))
    assert later == Plan(wake_at=CREATED + timedelta(days=7))


@pytest.mark.parametrize(
    ("engines", "rounds", "engine", "state", "message"),
    [
        pytest.param(FALLBACKS, 4, "whisper", "Running", "", id="four rounds: the same engine"),
        pytest.param(
            FALLBACKS,
            5,
            "old",
            "Running",
            "no pod of it started in 5 rounds",
            id="five rounds: the fallback",
        ),
        pytest.param(FALLBACKS, 9, "old", "Running", "no pod of it started in 5 rounds", id="nine"),
        pytest.param(
            FALLBACKS,
            10,
            "old",
            "Failed",
            "no pod of it started in 5 rounds",
            id="ten rounds: no engine is left",
        ),
        pytest.param(
            CORE, 5, "whisper", "Failed", "no pod of it started in 5 rounds", id="no fallback"
        ),
    ],
)
def test_pods_that_never_start(
    engines: tuple[Engine, ...], rounds: int, engine: str, state: str, message: str
) -> None:
    ended = [a_round(TRANSCRIBE, number, "", NEVER) for number in range(rounds)]
    stages = (PREPARED, working(TRANSCRIBE, parts=2))
    found = stage_of(plan(observed(*ended, stages=stages, engines=engines), NOW), TRANSCRIBE)
    assert (found.engine or "whisper", found.state, found.message) == (engine, state, message)


def test_an_engine_that_cannot_run_is_replaced_and_finished_parts_stay() -> None:
    rounds = (
        a_round(TRANSCRIBE, 0, "0", UNAVAILABLE, message="no weights"),
        a_round(TRANSCRIBE, 1, "1", LOST),
    )
    stages = (PREPARED, working(TRANSCRIBE, parts=4))
    decided = plan(observed(*rounds, stages=stages, engines=FALLBACKS), NOW)
    assert starts(decided) == ["transcribe-2[2-3]"]
    assert decided.start[0].candidate.engine.name == "old"
    assert stage_of(decided, TRANSCRIBE).engine == "old"


@pytest.mark.parametrize("end", [NEVER, UNAVAILABLE, STOPPED], ids=str)
def test_only_lost_rounds_count_against_the_bound_on_lost_rounds(end: RoundEnd) -> None:
    many = (*CORE, *(make_engine(f"old-{n}", "transcribe", rank=-1) for n in range(12)))
    rounds = [a_round(TRANSCRIBE, number, "", end) for number in range(12)]
    rounds.append(a_round(TRANSCRIBE, 12, "0", LOST))
    stages = (PREPARED, working(TRANSCRIBE, parts=2))
    decided = plan(observed(*rounds, stages=stages, engines=many), NOW)
    assert starts(decided) == ["transcribe-13[1]"]


def test_a_stage_whose_results_are_lost_again_and_again_is_given_up() -> None:
    rounds = [a_round(TRANSCRIBE, number, "", LOST) for number in range(11)]
    stages = (PREPARED, working(TRANSCRIBE, parts=2))
    decided = plan(observed(*rounds, stages=stages), NOW)
    assert stage_of(decided, TRANSCRIBE).message == "its results were lost 11 times"


def test_a_long_last_message_fails_the_stage_and_not_the_operator() -> None:
    said = "é" * 512
    seen = observed(a_round(PREPARE, 0, "", FAILED, message=said), stages=(working(PREPARE),))
    stage = stage_of(plan(seen, NOW), PREPARE)
    assert stage.message == said[:256]
    assert stage.failures[0].message == said[:256]


def test_a_crash_is_blamed_on_an_unfinished_part() -> None:
    stages = (PREPARED, working(TRANSCRIBE, parts=4))
    seen = observed(a_round(TRANSCRIBE, 0, "0-1", FAILED), stages=stages)
    stage = stage_of(plan(seen, NOW), TRANSCRIBE)
    assert (stage.completed_parts, stage.failed_parts) == ("0-1", "2")


def test_an_optional_stage_is_skipped_and_the_warning_names_what_is_there_instead() -> None:
    stages = (PREPARED, succeeded(TRANSCRIBE, 2), working(DIARIZE, parts=2))
    seen = observed(
        a_round(DIARIZE, 0, "0", FAILED, message="too noisy"),
        stages=stages,
        engines=SPEAKER_ENGINES,
        spec=SPEAKERS,
    )
    decided = plan(seen, NOW)
    assert stage_of(decided, DIARIZE).state is StageState.SKIPPED
    assert stage_of(decided, LINK).state is StageState.SKIPPED
    assert [(w.stage, w.reason, w.message) for w in written(decided).warnings] == [
        (DIARIZE, "StageSkipped", "too noisy; instead: one speaker"),
        (LINK, "StageSkipped", "stage diarize was skipped; instead: one speaker"),
    ]
    assert starts(decided) == ["merge-0[0]"]
    skipped = decided.start[0].request.skipped
    assert [(item.stage, item.fallback) for item in skipped] == [
        (DIARIZE, "one speaker"),
        (LINK, "one speaker"),
    ]


def test_a_skipped_stage_is_warned_of_even_when_there_are_many_warnings() -> None:
    told = tuple(
        JobWarning(stage=TRANSCRIBE, reason="Quiet", message=str(part)) for part in range(32)
    )
    stages = (PREPARED, succeeded(TRANSCRIBE, 2), working(DIARIZE, parts=2))
    seen = observed(
        a_round(DIARIZE, 0, "", FAILED, message="too noisy"),
        stages=stages,
        engines=SPEAKER_ENGINES,
        spec=SPEAKERS,
        warnings=told,
    )
    warnings = written(plan(seen, NOW)).warnings
    assert len(warnings) == 32
    assert {w.stage for w in warnings if w.reason == "StageSkipped"} == {DIARIZE, LINK}


def test_an_optional_stage_the_job_requires_fails_it() -> None:
    spec = SPEAKERS | {"stages": [{"name": "diarize", "required": True}]}
    seen = observed(
        a_round(DIARIZE, 0, "", FAILED, message="too noisy"),
        stages=(PREPARED, succeeded(TRANSCRIBE, 2), working(DIARIZE, parts=2)),
        engines=SPEAKER_ENGINES,
        spec=spec,
    )
    assert verdict(written(plan(seen, NOW))).message == "diarize: too noisy"


def test_a_job_that_asks_for_speakers_is_refused_when_no_engine_tells_them_apart() -> None:
    engines = (*CORE, make_engine("linker", "speaker-link"))
    decided = plan(Observation(make_job(**SPEAKERS), engines=engines), NOW)
    assert starts(decided) == []
    assert verdict(written(decided)).message == "no engine here covers stage diarize"


def test_speakers_are_not_linked_when_the_job_puts_up_with_no_engine_for_them() -> None:
    engines = (*CORE, make_engine("linker", "speaker-link"))
    tolerant = SPEAKERS | {"stages": [{"name": "diarize", "required": False}]}
    decided = plan(Observation(make_job(**tolerant), engines=engines), NOW)
    assert starts(decided) == ["prepare-0[0]"]
    assert [item.message for item in written(decided).warnings] == [
        "no engine can run it; instead: one speaker",
        "stage diarize was skipped; instead: one speaker",
    ]


def test_suspending_pauses_live_rounds_and_going_on_resumes_them() -> None:
    stages = (PREPARED, working(TRANSCRIBE, parts=2))
    paused = plan(observed(a_round(TRANSCRIBE), stages=stages, spec={"suspend": True}), NOW)
    assert names(paused.suspend) == ["transcribe-0"]

    asleep = ObservedRound("uid", TRANSCRIBE, 0, suspended=True)
    still = plan(observed(asleep, stages=stages, spec={"suspend": True}), NOW)
    assert still.suspend == ()

    resumed = plan(observed(asleep, stages=stages), NOW)
    assert names(resumed.resume) == ["transcribe-0"]
    assert resumed.start == ()


def test_work_is_counted_once_whether_or_not_its_round_has_ended() -> None:
    told = a_round(PREPARE, 0, "0", parts=1, media=media(), timings={"worked_milliseconds": 700})
    first = plan(observed(told, stages=(working(PREPARE),)), NOW)
    assert stage_of(first, PREPARE).timings.worked_milliseconds == 700

    job = make_job(written(first))
    ended = a_round(PREPARE, 0, "0", DONE, parts=1, timings={"worked_milliseconds": 700})
    seen = Observation(job, frozen_plan(job, CORE), CORE, rounds=(ended, a_round(TRANSCRIBE)))
    assert plan(seen, NOW).status is None


# Retry.


def failed_job(**fields: Any) -> tuple[StageStatus, ...]:
    failed = stage_status(
        TRANSCRIBE,
        StageState.FAILED,
        parts=4,
        round=7,
        completed_parts="0-1",
        failed_parts="2",
        failures=[{"part": 2, "message": "noise"}],
        attempts=3,
        start_failures=2,
        message="noise",
        candidate=1,
        engine="old",
    )
    return (PREPARED, failed.model_copy(update=fields))


def ended(kind: str) -> tuple[Condition, ...]:
    return tuple(
        Condition(
            type=name,
            status=ConditionStatus.TRUE if name == kind else ConditionStatus.FALSE,
            reason="Earlier",
            last_transition_time=CREATED,
        )
        for name in ("Reconciling", "Complete", "Failed")
    )


def test_a_retry_plans_failed_stages_anew_and_keeps_what_is_finished() -> None:
    seen = observed(
        stages=failed_job(),
        engines=FALLBACKS,
        spec={"retry": 1},
        conditions=ended("Failed"),
        finished_at=CREATED,
    )
    decided = plan(seen, NOW)
    assert starts(decided) == ["transcribe-7[2-3]"]
    assert stage_of(decided, TRANSCRIBE) == working(
        TRANSCRIBE, parts=4, round=7, completed_parts="0-1", engine="whisper"
    )
    assert verdict(written(decided)).type == "Reconciling"
    assert written(decided).finished_at is None
    assert written(decided).retry == 1


def test_what_still_lives_of_a_finished_job_is_stopped() -> None:
    seen = observed(a_round(TRANSCRIBE, 7), stages=failed_job(), conditions=ended("Failed"))
    decided = plan(seen, NOW)
    assert names(decided.stop) == ["transcribe-7"]
    assert decided.start == ()


def test_a_failed_job_stays_failed_without_a_retry() -> None:
    seen = observed(stages=failed_job(), engines=FALLBACKS, conditions=ended("Failed"))
    decided = plan(seen, NOW)
    assert (decided.start, decided.stop) == ((), ())


def test_a_retry_of_a_complete_job_changes_nothing_but_its_number() -> None:
    stages = (PREPARED, succeeded(TRANSCRIBE), MERGED)
    seen = observed(
        stages=stages,
        spec={"retry": 1},
        conditions=ended("Complete"),
        finished_at=CREATED,
        progress=1000,
    )
    decided = plan(seen, NOW)
    assert decided.start == ()
    assert written(decided).retry == 1
    assert written(decided).finished_at == CREATED


def test_a_change_of_a_finished_job_is_acknowledged() -> None:
    stages = (PREPARED, succeeded(TRANSCRIBE), MERGED)
    seen = observed(stages=stages, conditions=ended("Complete"), observed_generation=0)
    decided = plan(seen, NOW)
    status = written(decided)
    assert status.observed_generation == 1
    assert {item.observed_generation for item in status.conditions} == {1}
    assert verdict(status).last_transition_time == CREATED
    job = seen.job.model_copy(update={"status": status})
    assert plan(Observation(job, seen.frozen, CORE), NOW).status is None


# Privacy.


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            Case(
                stages=(
                    PREPARED,
                    succeeded(TRANSCRIBE),
                    succeeded(MERGE),
                    succeeded(StageName.PII_DETECT),
                    working(EXPORT),
                ),
                rounds=(a_round(EXPORT, 0, "0", DONE),),
            ),
            id="when all else is done",
        ),
        pytest.param(
            Case(
                stages=(PREPARED, working(TRANSCRIBE)),
                rounds=(a_round(TRANSCRIBE, 0, "", FAILED),),
            ),
            id="when a stage has failed",
        ),
        pytest.param(Case(stages=(PREPARED,), spec={"cancel": True}), id="when it is cancelled"),
        pytest.param(
            Case(stages=(PREPARED,), spec={"cancel": True, "suspend": True}),
            id="when it is cancelled while suspended",
        ),
        pytest.param(
            Case(stages=(PREPARED,), spec={"deadline_seconds": 30}),
            id="when the deadline has passed",
        ),
    ],
)
def test_a_private_job_is_purged(case: Case) -> None:
    spec = PRIVATE | case.spec
    seen = observed(*case.rounds, stages=case.stages, spec=spec, engines=PRIVATE_ENGINES)
    decided = plan(seen, NOW)
    assert starts(decided) == ["purge-0[0]"]
    assert verdict(written(decided)).message == "removing unredacted artifacts"


def test_a_private_job_is_purged_only_when_nothing_of_it_lives() -> None:
    seen = observed(
        a_round(TRANSCRIBE),
        stages=(PREPARED, working(TRANSCRIBE, parts=2)),
        spec=PRIVATE | {"cancel": True},
        engines=PRIVATE_ENGINES,
    )
    decided = plan(seen, NOW)
    assert names(decided.stop) == ["transcribe-0"]
    assert decided.start == ()


def test_purge_shares_no_pod_with_what_may_never_run() -> None:
    able: dict[str, Any] = {"capabilities": {"entities": ["name"]}}
    engines = (*CORE, make_engine("all", "pii-detect", "export", "purge", rank=9, **able))
    frozen = frozen_plan(make_job(**PRIVATE), engines)
    assert [tuple(map(str, stage.covers)) for stage in frozen.stages][-2:] == [
        ("pii-detect", "export"),
        ("purge",),
    ]


@pytest.mark.parametrize("state", [StageState.RUNNING, StageState.SUCCEEDED])
def test_what_is_purged_is_not_retried(state: StageState) -> None:
    purge = succeeded(PURGE) if state is StageState.SUCCEEDED else working(PURGE)
    purged = a_round(PURGE, 0, "0", DONE)
    seen = observed(
        purged,
        stages=(*failed_job(candidate=0), purge),
        spec=PRIVATE | {"retry": 1},
        engines=PRIVATE_ENGINES,
    )
    decided = plan(seen, NOW)
    assert decided.start == ()
    assert written(decided).retry == 1
    assert verdict(written(decided)).type == "Failed"
    assert verdict(written(decided)).message == (
        "transcribe: noise; what it made is purged: to try again, create a new job"
    )


def test_a_purge_that_failed_is_retried() -> None:
    finished = (
        PREPARED,
        succeeded(TRANSCRIBE),
        succeeded(MERGE),
        succeeded(StageName.PII_DETECT),
        succeeded(EXPORT),
    )
    failed = stage_status(PURGE, StageState.FAILED, round=1, message="no rights")
    seen = observed(
        stages=(*finished, failed), spec=PRIVATE | {"retry": 1}, engines=PRIVATE_ENGINES
    )
    assert starts(plan(seen, NOW)) == ["purge-1[0]"]


# Carrying out.


def clock() -> datetime:
    return NOW


def test_nothing_is_started_before_the_status_says_so() -> None:
    cluster = MemoryCluster(make_job(), CORE, crash_after=2)
    with pytest.raises(Crash, match="start prepare-0"):
        at_once(reconcile("call", cluster, clock))
    stage = cluster.job.status.stage(PREPARE)
    assert stage is not None
    assert stage.state is StageState.RUNNING


def test_what_an_old_copy_of_the_job_asks_for_is_not_started() -> None:
    cluster = MemoryCluster(make_job(), CORE)
    cluster.edit(cancel=True)
    at_once(reconcile("call", cluster, clock))
    assert cluster.job.finished

    cluster.job_lag = 2
    assert at_once(reconcile("call", cluster, clock)) == NOW
    assert cluster.rounds == {}


def test_a_retry_that_comes_while_the_purge_starts_does_not_run_beside_it() -> None:
    stages = (PREPARED, working(TRANSCRIBE))
    seen = observed(stages=stages, spec=PRIVATE, engines=PRIVATE_ENGINES)
    cluster = MemoryCluster(seen.job, PRIVATE_ENGINES, frozen=seen.frozen, crash_after=2)
    at_once(reconcile("call", cluster, clock))
    (live,) = cluster.live()
    live.finish(FAILED, message="noise")
    cluster.rounds_changed()
    with pytest.raises(Crash):
        at_once(reconcile("call", cluster, clock))

    cluster.crash_after = None
    cluster.edit(retry=1)
    at_once(reconcile("call", cluster, clock))
    assert [str(item.round_.stage) for item in cluster.live()] == ["purge"]


def test_a_job_that_is_gone_needs_nothing() -> None:
    class Empty(MemoryCluster):
        async def observe(self, key: str) -> None:
            return None

    cluster = Empty(make_job(), CORE)
    assert at_once(reconcile("call", cluster, clock)) is None
    assert cluster.calls == []


def test_every_stage_can_be_planned_at_once() -> None:
    spec = PRIVATE | SPEAKERS | {"enrich": {"detect": ["Emotion"], "refine": ["Summary"]}}
    decided = plan(Observation(make_job(**spec), engines=engines_for_everything()), NOW)
    assert starts(decided) == ["prepare-0[0]"]
