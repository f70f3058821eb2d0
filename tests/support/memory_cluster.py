"""A cluster in memory for tests of the operator: API objects with versions, and pods to play with.

It does what ``Cluster`` promises and what can go wrong around it: an observation may be old
(``job_lag``, ``rounds_lag``), the operator may die between any two of its actions
(``crash_after``), and rounds may say less, later or more often what they have done.
"""

from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from dalston_crds.part_set import PartSet
from dalston_crds.stage_messages import DocumentFacts, FileFact, StageResult
from dalston_crds.v1alpha1 import Engine, JobStatus, Media, StageName, TranscriptionJob
from dalston_operator.cluster import Conflict, Observation
from dalston_operator.frozen_plan import FrozenPlan
from dalston_operator.rounds import ObservedRound, Round, RoundEnd

KEPT_SNAPSHOTS = 12
REDACTED = frozenset({StageName.AUDIO_REDACT, StageName.EXPORT, StageName.PURGE})
Answer = TypeVar("Answer")


class Crash(Exception):
    """The operator died."""


def at_once(coroutine: Coroutine[Any, Any, Answer]) -> Answer:
    """The answer of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        answer: Answer = finished.value
        return answer
    raise AssertionError("it waits for something")


@dataclass(frozen=True)
class Recording:
    """The audio of the job, which prepare finds out about."""

    channels: int = 1
    parts: int = 1


@dataclass
class MemoryRound:
    """A round and its pods."""

    round_: Round
    recording: Recording
    done: PartSet = field(default_factory=PartSet)
    """Parts that its pods have put into storage."""
    told: PartSet = field(default_factory=PartSet)
    """Parts that it has reported."""
    last_words: StageResult | None = None
    """What the pod that ended the round said."""
    end: RoundEnd | None = None
    suspended: bool = False
    stopping: bool = False
    waits_for: str = ""

    @property
    def live(self) -> bool:
        """Whether its pods may still work."""
        return self.end is None

    @property
    def missing(self) -> PartSet:
        """Parts that are not in storage yet."""
        return self.round_.parts - self.done

    def tell(self) -> None:
        """Report everything that is done."""
        self.told |= self.done

    def finish(self, end: RoundEnd, **last_words: Any) -> None:
        """End the round."""
        self.end = end
        if last_words:
            index = self.round_.indexes
            self.last_words = StageResult.model_validate({"index": index, **last_words})

    def observed(self) -> ObservedRound:
        """The round as the operator sees it."""
        results = tuple(self._results())
        return ObservedRound(
            job_uid=self.round_.job_uid,
            stage=self.round_.stage,
            number=self.round_.number,
            results=results,
            end=self.end,
            started=bool(results),
            suspended=self.suspended,
            waits_for=self.waits_for if self.live and not self.told else "",
        )

    def _results(self) -> list[StageResult]:
        covers = self.round_.request.covers
        facts = _facts(covers, self.recording) if self.told else {}
        runs = (*self.round_.parts.runs(self.round_.indexes), self.told - self.round_.parts)
        results = [
            StageResult.model_validate({"index": index, "finished": str(run & self.told), **facts})
            for index, run in enumerate(runs)
            if run & self.told
        ]
        return [*results, self.last_words] if self.last_words else results


def _facts(covers: tuple[StageName, ...], recording: Recording) -> dict[str, object]:
    facts: dict[str, object] = {"timings": {"workedMilliseconds": 1000}}
    if StageName.PREPARE in covers:
        facts["parts"] = recording.parts
        facts["media"] = Media(
            channels=recording.channels, sample_rate_hertz=8000, duration_milliseconds=600_000
        )
    if StageName.EXPORT in covers:
        facts["document"] = DocumentFacts(language="en", words=7)
        facts["files"] = [
            FileFact(name="export/00000/a1-transcript.json", sha256="0" * 64, bytes=9)
        ]
    return facts


@dataclass
class MemoryCluster:
    """One job's world."""

    job: TranscriptionJob
    engines: tuple[Engine, ...]
    recording: Recording = field(default_factory=Recording)
    frozen: FrozenPlan | None = None
    rounds: dict[str, MemoryRound] = field(default_factory=dict)
    unredacted: set[StageName] = field(default_factory=set)
    """Stages that have artifacts in storage which a purge would remove."""
    job_lag: int = 0
    rounds_lag: int = 0
    crash_after: int | None = None
    seen: Observation | None = None
    """The latest observation."""
    on_start: Callable[[Round], None] = lambda round_: None
    on_write: Callable[[JobStatus, JobStatus], None] = lambda before, after: None
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names: set[str] = set()
        self._jobs: deque[tuple[TranscriptionJob, FrozenPlan | None]] = deque(maxlen=KEPT_SNAPSHOTS)
        self._rounds: deque[tuple[ObservedRound, ...]] = deque(maxlen=KEPT_SNAPSHOTS)
        self._job_changed()
        self.rounds_changed()

    async def observe(self, key: str) -> Observation | None:
        """What is, or what was some changes ago."""
        job, frozen = self._jobs[-1 - min(self.job_lag, len(self._jobs) - 1)]
        rounds = self._rounds[-1 - min(self.rounds_lag, len(self._rounds) - 1)]
        self.seen = Observation(job, frozen, self.engines, rounds=rounds)
        return self.seen

    async def freeze(self, job: TranscriptionJob, frozen: FrozenPlan) -> None:
        """Keep the first plan."""
        self._act("freeze")
        if self.frozen is not None:
            raise Conflict(job.metadata.name)
        self.frozen = FrozenPlan.model_validate_json(frozen.model_dump_json(exclude_defaults=True))
        self._job_changed()

    async def start(self, round_: Round) -> None:
        """Make the round unless there has been one of its name."""
        self._act(f"start {round_.stage}-{round_.number}")
        self.on_start(round_)
        if round_.name in self._names:
            return
        self._names.add(round_.name)
        self.rounds[round_.name] = MemoryRound(round_, self.recording)
        self.rounds_changed()

    async def stop(self, round_: ObservedRound) -> None:
        """Ask the round's pods to end."""
        self._act(f"stop {round_.stage}-{round_.number}")
        if round_.name in self.rounds:
            self.rounds[round_.name].stopping = True

    async def suspend(self, round_: ObservedRound, suspended: bool) -> None:
        """Pause the round's pods, or let them go on."""
        self._act(f"{'suspend' if suspended else 'resume'} {round_.stage}-{round_.number}")
        if round_.name in self.rounds:
            self.rounds[round_.name].suspended = suspended
            self.rounds_changed()

    async def write_status(self, job: TranscriptionJob, status: JobStatus) -> None:
        """Replace the status as an API server would: by its JSON, if the job has not changed."""
        self._act("write")
        if job.metadata.resource_version != self.job.metadata.resource_version:
            raise Conflict(job.metadata.name)
        stored = JobStatus.model_validate_json(status.model_dump_json(by_alias=True))
        self.on_write(self.job.status, stored)
        self._replace(status=stored)

    def edit(self, **fields: Any) -> None:
        """A user's change of the spec."""
        self._replace(spec=self.job.spec.model_copy(update=fields))

    def live(self) -> list[MemoryRound]:
        """The rounds that have not ended."""
        return [item for item in self.rounds.values() if item.live]

    def work(self, worked: MemoryRound, parts: PartSet) -> None:
        """Pods of a round put parts into storage; a purge empties it."""
        worked.done |= parts
        covers = set(worked.round_.request.covers)
        if parts:
            self.unredacted |= covers - REDACTED
        if parts and StageName.PURGE in covers:
            self.unredacted.clear()

    def forget(self, item: MemoryRound) -> None:
        """An ended round's object is removed; its name stays taken."""
        del self.rounds[item.round_.name]
        self.rounds_changed()

    def power_cut(self) -> None:
        """Everything but the stored job is gone, as when a local command is killed."""
        self.rounds.clear()
        self._names.clear()
        self._jobs.clear()
        self._rounds.clear()
        self._job_changed()
        self.rounds_changed()

    def rounds_changed(self) -> None:
        """Note what an observer may see from now on."""
        self._rounds.append(tuple(item.observed() for item in self.rounds.values()))

    def _replace(self, **fields: Any) -> None:
        meta = self.job.metadata
        changes = {
            "resource_version": str(int(meta.resource_version) + 1),
            "generation": meta.generation + ("spec" in fields),
        }
        metadata = meta.model_copy(update=changes)
        self.job = self.job.model_copy(update={"metadata": metadata, **fields})
        self._job_changed()

    def _job_changed(self) -> None:
        self._jobs.append((self.job, self.frozen))

    def _act(self, call: str) -> None:
        if self.crash_after == 0:
            raise Crash(call)
        if self.crash_after is not None:
            self.crash_after -= 1
        self.calls.append(call)
