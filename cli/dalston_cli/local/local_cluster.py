"""``Cluster`` for one machine: jobs in SQLite, rounds on this process's workers.

Rounds live in memory only: workers die with this process, so a round that is not here is gone, and
the planner starts it again with the parts that are not finished.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from dalston_cli.local.database import Database
from dalston_cli.local.local_round import LocalRound
from dalston_cli.local.worker_pool import WorkerPool
from dalston_crds.v1alpha1 import DeviceType, Engine, JobStatus, TranscriptionJob
from dalston_operator.cluster import Observation, Placement
from dalston_operator.frozen_plan import FrozenPlan
from dalston_operator.rounds import ObservedRound, Round


class LocalCluster:
    """Jobs and rounds of one command."""

    def __init__(
        self,
        database: Database,
        pool: WorkerPool,
        engines: Sequence[Engine],
        placement: Placement,
        now: Callable[[], datetime],
    ) -> None:
        self.database = database
        self.pool = pool
        self._engines = tuple(map(on_cpu, engines))
        self._placement = placement
        self._now = now
        self._rounds: dict[str, LocalRound] = {}
        self._urgencies: dict[str, int] = {}
        self.changed = asyncio.Event()
        """Set whenever a round has changed."""

    async def observe(self, key: str) -> Observation | None:
        """The job called *key* and its rounds here."""
        row = self.database.get(key)
        if row is None:
            return None
        rounds = tuple(item.observed() for item in self.rounds(row.job.metadata.uid))
        return Observation(row.job, row.frozen, self._engines, (), rounds, self._placement)

    def rounds(self, uid: str) -> list[LocalRound]:
        """The job's rounds, in the order they were started."""
        return [item for item in self._rounds.values() if item.round_.job_uid == uid]

    async def freeze(self, job: TranscriptionJob, frozen: FrozenPlan) -> None:
        """Keep the job's plan, and get its workers ready while prepare runs."""
        self.database.freeze(job, frozen)
        for stage in frozen.stages[: self.pool.slots + 1]:
            best = stage.candidates[0]
            await self.pool.warm(best.engine.name, best.model, best.device.memory_mebibytes)

    async def start(self, round_: Round) -> None:
        """Hand the round's parts to the workers, unless it has been started before."""
        if round_.name in self._rounds:
            return
        urgency = self._urgencies.setdefault(round_.job_uid, len(self._urgencies))
        started = LocalRound(round_, self.pool, urgency, self._now(), self.changed.set)
        self._rounds[round_.name] = started
        started.start()

    async def stop(self, round_: ObservedRound) -> None:
        """End the round."""
        await self._rounds[round_.name].stop()

    async def suspend(self, round_: ObservedRound, suspended: bool) -> None:
        """Local jobs are paused by stopping the round; its finished parts stay finished."""
        if suspended:
            await self.stop(round_)

    async def close(self) -> None:
        """Stop every round and end every worker."""
        for item in self._rounds.values():
            await item.stop()
        await self.pool.close()

    async def write_status(self, job: TranscriptionJob, status: JobStatus) -> None:
        """Replace the job's status."""
        self.database.write_status(job, status)


def on_cpu(engine: Engine) -> Engine:
    """The engine with its CPU devices only; local workers have no other."""
    devices = tuple(item for item in engine.spec.devices if item.type is DeviceType.CPU)
    if not devices:
        return engine
    return engine.model_copy(update={"spec": engine.spec.model_copy(update={"devices": devices})})
