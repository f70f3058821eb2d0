"""Worker processes, one engine each: as many at work as there are cores, within a memory cap.

A worker loads its model once and is kept between orders. Idle ones are ended after a while, or at
once when another engine needs their memory. Orders are served by the age of their job, then by
part, so that a part that is tried again goes before those that follow it.
"""

import asyncio
import heapq
import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from dalston_cli.local.worker_process import Progress, WorkerProcess, start_worker
from dalston_crds.stage_messages import StageResult
from dalston_engines.worker_messages import Order


@dataclass(frozen=True)
class Errand:
    """An order and what it takes to serve it."""

    order: Order
    engine: str
    model: str
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
    _waiting: list[tuple[int, int, int, asyncio.Future[None]]] = field(default_factory=list)
    _free: int = field(default=0)
    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _ticket: Iterator[int] = field(default_factory=itertools.count)
    _timers: dict[int, asyncio.TimerHandle] = field(default_factory=dict)
    _ending: dict[asyncio.Task[None], WorkerProcess] = field(default_factory=dict)
    _used_mebibytes: int = field(default=0)
    """Memory of every worker from before its start until after its end."""
    started: dict[str, int] = field(default_factory=dict)
    """Workers started so far, by engine."""

    def __post_init__(self) -> None:
        self._free = self.slots

    async def carry_out(
        self, errand: Errand, began: asyncio.Event, progress: Progress
    ) -> StageResult:
        """Serve an order when its turn comes; cancelling this ends its worker."""
        await self._turn(errand)
        try:
            worker = await self._worker(errand)
            began.set()
            with self._working(worker):
                return await worker.carry_out(errand.order, progress)
        finally:
            self._free += 1
            self._released.set()
            self._next()

    async def warm(self, engine: str, model: str, memory_mebibytes: int) -> None:
        """Have a worker for *engine* load its model before its first order."""
        known = any(worker.engine == engine for worker in self._all())
        if not known and self._fits(memory_mebibytes):
            with suppress(OSError):  # its first order will say so
                self._rest(await self._started(engine, model, memory_mebibytes))

    async def close(self) -> None:
        """End every worker."""
        for timer in self._timers.values():
            timer.cancel()
        workers, self._idle = self._all(), []
        await asyncio.gather(*(worker.end() for worker in workers), *self._ending)

    def kill(self) -> None:
        """End every worker at once, those that have been asked to end too."""
        for worker in (*self._all(), *self._ending.values()):
            worker.kill()

    def _all(self) -> list[WorkerProcess]:
        return [*self._idle, *self._busy]

    async def _turn(self, errand: Errand) -> None:
        turn = asyncio.get_running_loop().create_future()
        place = (errand.urgency, errand.order.number, next(self._ticket))
        heapq.heappush(self._waiting, (*place, turn))
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
            *_, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._free -= 1
                turn.set_result(None)

    async def _worker(self, errand: Errand) -> WorkerProcess:
        """An idle worker of the engine, or a new one as soon as there is memory for it."""
        while True:
            for worker in [item for item in self._idle if item.engine == errand.engine]:
                self._wake(worker)
                if worker.alive:
                    return worker
                self._end(worker)
            if self._fits(errand.memory_mebibytes):
                return await self._started(errand.engine, errand.model, errand.memory_mebibytes)
            self._make_room(errand.memory_mebibytes)
            self._released.clear()
            await self._released.wait()

    async def _started(self, engine: str, model: str, memory_mebibytes: int) -> WorkerProcess:
        self._used_mebibytes += memory_mebibytes
        try:
            worker = await start_worker(engine, model)
        except BaseException:
            self._release(memory_mebibytes)
            raise
        worker.memory_mebibytes = memory_mebibytes
        self.started[engine] = self.started.get(engine, 0) + 1
        return worker

    def _fits(self, needed: int) -> bool:
        """Whether a new worker fits under the cap; a single one always does."""
        used = self._used_mebibytes
        return used == 0 or used + needed <= self.memory_mebibytes

    def _make_room(self, needed: int) -> None:
        """End the workers idle for longest until the new one will fit, if that is enough."""
        used = self._used_mebibytes - sum(item.memory_mebibytes for item in self._ending.values())
        while self._idle and used + needed > self.memory_mebibytes:
            oldest = self._idle[0]
            used -= oldest.memory_mebibytes
            self._dismiss(oldest)

    def _release(self, memory_mebibytes: int) -> None:
        self._used_mebibytes -= memory_mebibytes
        self._released.set()

    @contextmanager
    def _working(self, worker: WorkerProcess) -> Iterator[None]:
        self._busy.add(worker)
        try:
            yield
        except BaseException:
            self._busy.discard(worker)
            self._end(worker)
            raise
        self._busy.discard(worker)
        if worker.alive:
            self._rest(worker)
        else:
            self._end(worker)

    def _rest(self, worker: WorkerProcess) -> None:
        self._idle.append(worker)
        loop = asyncio.get_running_loop()
        self._timers[worker.pid] = loop.call_later(self.idle_seconds, self._dismiss, worker)
        self._released.set()

    def _wake(self, worker: WorkerProcess) -> None:
        self._idle.remove(worker)
        self._timers.pop(worker.pid).cancel()

    def _dismiss(self, worker: WorkerProcess) -> None:
        if worker in self._idle:
            self._wake(worker)
            self._end(worker)

    def _end(self, worker: WorkerProcess) -> None:
        ending = asyncio.create_task(worker.end())
        self._ending[ending] = worker
        ending.add_done_callback(self._ended)

    def _ended(self, ending: asyncio.Task[None]) -> None:
        self._release(self._ending.pop(ending).memory_mebibytes)
