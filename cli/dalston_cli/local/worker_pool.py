"""Worker processes, one engine each: as many at work as there are cores, within a memory cap.

A worker loads its model once and is kept between orders. Idle ones are ended after a while, or at
once when another engine needs their memory. Orders are served by the age of their job.
"""

import asyncio
import heapq
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dalston_cli.local.worker_process import Progress, WorkerProcess, start_worker
from dalston_crds.stage_messages import StageResult
from dalston_engines.worker_messages import Order


@dataclass(frozen=True)
class Errand:
    """An order and what it takes to serve it."""

    order: Order
    engine: str
    memory_mebibytes: int
    urgency: int
    """Smaller goes first."""


@dataclass
class WorkerPool:
    """The workers of this process."""

    slots: int
    memory_mebibytes: int
    idle_seconds: float
    _idle: list[WorkerProcess] = field(default_factory=list)
    _busy: set[WorkerProcess] = field(default_factory=set)
    _waiting: list[tuple[int, int, asyncio.Future[None]]] = field(default_factory=list)
    _free: int = field(default=0)
    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _ticket: Iterator[int] = field(default_factory=itertools.count)
    _timers: dict[int, asyncio.TimerHandle] = field(default_factory=dict)
    _ending: set[asyncio.Task[None]] = field(default_factory=set)
    started: dict[str, int] = field(default_factory=dict)
    """Workers started so far, by engine."""

    def __post_init__(self) -> None:
        self._free = self.slots

    async def carry_out(
        self, errand: Errand, began: asyncio.Event, progress: Progress
    ) -> StageResult:
        """Serve an order when its turn comes; cancelling this ends its worker."""
        await self._turn(errand.urgency)
        try:
            worker = await self._worker(errand)
            began.set()
            with self._working(worker):
                return await worker.carry_out(errand.order, progress)
        finally:
            self._free += 1
            self._released.set()
            self._next()

    async def warm(self, engine: str, memory_mebibytes: int) -> None:
        """Have a worker for *engine* ready before its first order."""
        if not any(worker.engine == engine for worker in self._all()):
            self._rest(await self._started(engine, memory_mebibytes))

    async def close(self) -> None:
        """End every worker."""
        for timer in self._timers.values():
            timer.cancel()
        workers, self._idle = self._all(), []
        await asyncio.gather(*(worker.end() for worker in workers), *self._ending)

    def _all(self) -> list[WorkerProcess]:
        return [*self._idle, *self._busy]

    async def _turn(self, urgency: int) -> None:
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (urgency, next(self._ticket), turn))
        self._next()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free += 1
                self._next()
            raise

    def _next(self) -> None:
        while self._free and self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._free -= 1
                turn.set_result(None)

    async def _worker(self, errand: Errand) -> WorkerProcess:
        for worker in [item for item in self._idle if item.engine == errand.engine]:
            self._wake(worker)
            if worker.alive:
                return worker
        while not self._make_room(errand.memory_mebibytes) and self._busy:
            self._released.clear()
            await self._released.wait()
        return await self._started(errand.engine, errand.memory_mebibytes)

    async def _started(self, engine: str, memory_mebibytes: int) -> WorkerProcess:
        worker = await start_worker(engine)
        worker.memory_mebibytes = memory_mebibytes
        self.started[engine] = self.started.get(engine, 0) + 1
        return worker

    def _make_room(self, needed: int) -> bool:
        """End the workers idle for longest until the new one fits under the cap, if it can."""
        used = sum(worker.memory_mebibytes for worker in self._all())
        while self._idle and used + needed > self.memory_mebibytes:
            oldest = self._idle[0]
            used -= oldest.memory_mebibytes
            self._dismiss(oldest)
        return used + needed <= self.memory_mebibytes

    @contextmanager
    def _working(self, worker: WorkerProcess) -> Iterator[None]:
        self._busy.add(worker)
        try:
            yield
        except asyncio.CancelledError:
            self._busy.discard(worker)
            self._end(worker)
            raise
        self._busy.discard(worker)
        if worker.alive:
            self._rest(worker)

    def _rest(self, worker: WorkerProcess) -> None:
        self._idle.append(worker)
        loop = asyncio.get_running_loop()
        self._timers[worker.pid] = loop.call_later(self.idle_seconds, self._dismiss, worker)

    def _wake(self, worker: WorkerProcess) -> None:
        self._idle.remove(worker)
        self._timers.pop(worker.pid).cancel()

    def _dismiss(self, worker: WorkerProcess) -> None:
        if worker in self._idle:
            self._wake(worker)
            self._end(worker)

    def _end(self, worker: WorkerProcess) -> None:
        ending = asyncio.create_task(worker.end())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
