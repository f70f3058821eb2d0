"""A round in local mode: its parts handed to workers one by one, tried again, summed up.

Follows the rules of a Kubernetes Job: 65 gives a part up, 69 ends the round so that a fallback can
take over, 143 is nobody's fault, anything else is tried again as often as the stage allows.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from dalston_cli.local.worker_pool import Errand, WorkerPool
from dalston_crds.part_set import PartSet
from dalston_crds.stage_messages import ExitCode, StageResult, WorkTimings
from dalston_crds.v1alpha1 import FailureKind, PartFailure
from dalston_engines.worker_messages import Order
from dalston_operator.rounds import ObservedRound, Round, RoundEnd

MAX_FILES = 16
MAX_WARNINGS = 8


@dataclass
class LocalRound:
    """One round at work in this process."""

    round_: Round
    pool: WorkerPool
    urgency: int
    created_at: datetime
    changed: Callable[[], None]
    end: RoundEnd | None = None
    total: StageResult = field(default_factory=lambda: StageResult(index=0))
    """All parts' results in one."""
    _parts: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    _live: dict[int, int] = field(default_factory=dict)
    """Milliseconds of audio done by each part at work."""

    def start(self) -> None:
        """Hand out every part."""
        for part in self.round_.parts:
            self._parts[part] = asyncio.create_task(self._work(part))

    async def stop(self, end: RoundEnd = RoundEnd.STOPPED) -> None:
        """End what is at work."""
        if self.end is None:
            self.end = end
            tasks = [task for task in self._parts.values() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.changed()

    def observed(self) -> ObservedRound:
        """The round as the planner sees it."""
        return ObservedRound(
            job_uid=self.round_.job_uid,
            stage=self.round_.stage,
            number=self.round_.number,
            results=(self.total,),
            end=self.end,
            started=True,
            created_at=self.created_at,
        )

    def audio_milliseconds(self) -> int:
        """Audio worked through, by finished parts and by those at work."""
        return self.total.audio_milliseconds + sum(self._live.values())

    async def _work(self, part: int) -> None:
        tries_left = self.round_.retries
        while self.end is None:
            result = await self._try(part)
            if result.exit_code == ExitCode.DONE:
                return self._finished(part, result)
            if result.exit_code == ExitCode.ENGINE_UNAVAILABLE:
                return await self._give_up(part, result, RoundEnd.UNAVAILABLE)
            if result.exit_code == ExitCode.INPUT_WRONG or tries_left == 0:
                return await self._give_up(part, result, RoundEnd.FAILED)
            tries_left -= result.exit_code != ExitCode.TERMINATED
        return None

    async def _try(self, part: int) -> StageResult:
        """One attempt; ended when it finishes no part within the stage's timeout."""
        errand = Errand(
            order=Order(number=part, request=self.round_.request, index=0, parts=str(part)),
            engine=self.round_.candidate.engine.name,
            model=self.round_.candidate.model,
            memory_mebibytes=self.round_.candidate.device.memory_mebibytes,
            urgency=self.urgency,
        )
        began = asyncio.Event()
        serving = asyncio.create_task(self.pool.carry_out(errand, began, self._progress(part)))
        serving.add_done_callback(lambda _: began.set())
        try:
            await began.wait()
            async with asyncio.timeout(self.round_.timeout_seconds):
                return await serving
        except TimeoutError:
            return _timed_out(part, self.round_.timeout_seconds)
        except OSError as error:
            message = f"no worker process could be started: {error.strerror}"
            return StageResult(index=0, exit_code=ExitCode.CRASHED, message=message)
        finally:
            self._live.pop(part, None)
            serving.cancel()

    def _progress(self, part: int) -> Callable[[StageResult], None]:
        def note(result: StageResult) -> None:
            self._live[part] = result.audio_milliseconds

        return note

    def _finished(self, part: int, result: StageResult) -> None:
        self.total = summed(self.total, result)
        del self._parts[part]
        if self.round_.parts <= PartSet.parse(self.total.finished):
            self.end = RoundEnd.DONE
        self.changed()

    async def _give_up(self, part: int, result: StageResult, end: RoundEnd) -> None:
        wrong = result.exit_code == ExitCode.INPUT_WRONG
        kind = FailureKind.INPUT if wrong else FailureKind.CRASH
        failure = PartFailure(part=part, kind=kind, message=result.message[:256])
        failures = result.failures or (failure,)
        self.total = self.total.model_copy(
            update={
                "failures": (*self.total.failures, *failures)[:5],
                "message": self.total.message or result.message,
            }
        )
        await self.stop(end)


def summed(total: StageResult, result: StageResult) -> StageResult:
    """Two results in one."""
    finished = PartSet.parse(total.finished) | PartSet.parse(result.finished)
    warnings = dict.fromkeys((*total.warnings, *result.warnings))
    return total.model_copy(
        update={
            "finished": str(finished),
            "audio_milliseconds": total.audio_milliseconds + result.audio_milliseconds,
            "parts": max(total.parts, result.parts),
            "media": total.media or result.media,
            "document": result.document or total.document,
            "files": (*total.files, *result.files)[:MAX_FILES],
            "warnings": tuple(warnings)[:MAX_WARNINGS],
            "timings": _added(total.timings, result.timings),
        }
    )


def _added(total: WorkTimings, more: WorkTimings) -> WorkTimings:
    return WorkTimings(
        started_milliseconds=total.started_milliseconds + more.started_milliseconds,
        worked_milliseconds=total.worked_milliseconds + more.worked_milliseconds,
        engine_milliseconds=total.engine_milliseconds + more.engine_milliseconds,
    )


def _timed_out(part: int, seconds: int) -> StageResult:
    message = f"part {part} was not finished within the stage timeout of {seconds} s"
    failure = PartFailure(part=part, kind=FailureKind.TIMEOUT, message=message)
    return StageResult(index=0, exit_code=ExitCode.CRASHED, message=message, failures=(failure,))
