"""Carry out one index of a StageRequest: adopt finished parts, make the others, report.

The same code runs in a pod (``main``: request from a file, result as termination message) and in
a local worker process, which keeps its engine between calls (``dalston_engines.worker``).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from dalston_crds.part_set import PartSet
from dalston_crds.stage_messages import (
    ExitCode,
    PartFacts,
    StageRequest,
    StageResult,
    WorkTimings,
)
from dalston_crds.v1alpha1 import FailureKind, PartFailure, StageName
from dalston_engines.artifacts import Artifacts, Origin
from dalston_engines.errors import StageError
from dalston_engines.stages import driver_of
from dalston_engines.stages.part_work import Meter, PartWork
from dalston_engines.storage import open_storage

KINDS = {
    ExitCode.INPUT_WRONG: FailureKind.INPUT,
    ExitCode.ENGINE_UNAVAILABLE: FailureKind.UNAVAILABLE,
}
Report = Callable[[StageResult], None]


@dataclass(frozen=True)
class World:
    """What a run takes from outside: time, identity, and whether to stop."""

    now: Callable[[], datetime]
    clock: Callable[[], float]
    """Monotonic seconds."""
    attempt: str
    """Unique to this try; letters and digits only."""
    image: str = ""
    stopping: Callable[[], bool] = lambda: False
    report: Report = lambda result: None


@dataclass
class StageRun:
    """One index at work; ``result`` is what it has done so far."""

    request: StageRequest
    index: int
    parts: PartSet
    world: World
    finished: PartSet = field(default_factory=PartSet)
    facts: list[PartFacts] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._began = self.world.clock()
        self._loading = 0.0
        self._audio_before = 0
        self._meter = Meter(self.world.clock, self.world.stopping, self._advanced)

    def run(self, engine: Callable[[], object]) -> StageResult:
        """Work through the parts; the result's exit code says how it ended."""
        part = 0
        try:
            artifacts = Artifacts(open_storage(self.request.root))
            loaded = engine()
            self._loading = self.world.clock() - self._began
            for part in self.parts:
                self._finish(part, artifacts, loaded)
        except StageError as error:
            kind = KINDS.get(error.exit_code, FailureKind.CRASH)
            failure = PartFailure(part=part, kind=kind, message=str(error)[:256])
            return self._ended(error.exit_code, str(error), (failure,))
        except MemoryError:
            return self._ended(ExitCode.CRASHED, "out of memory", ())
        return self._ended(ExitCode.DONE, "", ())

    def result(self) -> StageResult:
        """What is done so far."""
        known = self.facts
        worked = self.world.clock() - self._began - self._loading
        current = round(self._meter.audio_seconds * 1000)
        return StageResult(
            index=self.index,
            finished=str(self.finished),
            audio_milliseconds=self._audio_before + current,
            parts=max((facts.parts for facts in known), default=0),
            media=next((facts.media for facts in known if facts.media), None),
            document=next((facts.document for facts in reversed(known) if facts.document), None),
            files=tuple(file for facts in known for file in facts.files)[:16],
            warnings=tuple(item for facts in known for item in facts.warnings)[:8],
            timings=WorkTimings(
                started_milliseconds=round(self._loading * 1000),
                worked_milliseconds=round(worked * 1000),
                engine_milliseconds=round(self._meter.engine_seconds * 1000),
            ),
        )

    def _finish(self, part: int, artifacts: Artifacts, engine: object) -> None:
        made = [self._facts(stage, part, artifacts, engine) for stage in self.request.covers]
        self.facts.extend(made)
        self.finished |= PartSet.of([part])
        self._audio_before += max(facts.audio_milliseconds for facts in made)
        self._meter.audio_seconds = 0.0
        self.world.report(self.result())

    def _facts(
        self, stage: StageName, part: int, artifacts: Artifacts, engine: object
    ) -> PartFacts:
        """Make the part, or adopt it when a manifest says it is done."""
        found = artifacts.manifest(stage, part)
        if found is not None:
            artifacts.verify(found)
            return found.facts
        writer = artifacts.writer(stage, part, self._origin())
        now = self.world.now()
        work = PartWork(self.request, part, artifacts, writer, engine, self._meter, now)
        return writer.seal(driver_of(stage)(work)).facts

    def _origin(self) -> Origin:
        options = self.request.options.model_dump_json(by_alias=True).encode()
        return Origin(
            engine=self.request.engine,
            model=self.request.model,
            image=self.world.image,
            options_sha256=hashlib.sha256(options).hexdigest(),
            attempt=self.world.attempt,
            now=self.world.now(),
        )

    def _advanced(self) -> None:
        self.world.report(self.result())

    def _ended(
        self, code: ExitCode, message: str, failures: tuple[PartFailure, ...]
    ) -> StageResult:
        return self.result().model_copy(
            update={"exit_code": int(code), "message": message[:512], "failures": failures}
        )
