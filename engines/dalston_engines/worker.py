"""A local worker: one engine, loaded once, working through the parts its parent sends.

Lines of JSON both ways: an ``Order`` in, ``Answer`` objects out. It never outlives its parent: the
kernel kills it when the parent dies (PR_SET_PDEATHSIG), and the end of its input ends it too.
SIGTERM ends the part at the next safe point. Workers write artifacts, never the state database.
"""

import ctypes
import os
import queue
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import IO

from dalston_crds.part_set import PartSet
from dalston_crds.stage_messages import ExitCode, StageResult
from dalston_crds.v1alpha1 import DeviceType
from dalston_engines.catalogue import installed_engine, weights_of
from dalston_engines.engine_context import EngineContext
from dalston_engines.errors import EngineUnavailable
from dalston_engines.runner import StageRun, World
from dalston_engines.settings import StageSettings
from dalston_engines.stages import driver_of
from dalston_engines.worker_messages import Answer, Order

PR_SET_PDEATHSIG = 1
REPORT_SECONDS = 0.2
READ_BYTES = 1 << 16


def main() -> None:
    """Serve orders until told to end: ``worker ENGINE MODEL PARENT-PID``."""
    name, model, parent = sys.argv[1:]
    die_with_parent(int(parent))
    answers = _private_stdout()
    orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
    stopping = threading.Event()

    def stop(*_: object) -> None:
        stopping.set()
        orders.put(None)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_read, args=(orders,), daemon=True).start()
    worker = _Worker(name, StageSettings.read(os.environ), answers, stopping)
    worker.get_ready(model)
    while (order := orders.get()) is not None and not stopping.is_set():
        worker.carry_out(order)
    os._exit(ExitCode.TERMINATED)


def die_with_parent(parent: int) -> None:
    """Be killed when *parent* dies; ends at once if it already has."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(ExitCode.TERMINATED)


class _Worker:
    """Holds the engine between orders."""

    def __init__(
        self, engine: str, settings: StageSettings, answers: IO[bytes], stopping: threading.Event
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._answers = answers
        self._stopping = stopping
        self._loaded: dict[str, object] = {}

    def get_ready(self, model: str) -> None:
        """Load the engine ahead of its first order."""
        with suppress(EngineUnavailable):  # the order will say so, to those who wait for it
            self._load(model)

    def carry_out(self, order: Order) -> None:
        """Answer an order until it has an exit code."""
        throttle = _Throttle(lambda result: self._answer(order.number, result))
        world = World(
            now=lambda: datetime.now(UTC),
            clock=time.monotonic,
            attempt=secrets.token_hex(4),
            stopping=self._stopping.is_set,
            report=throttle,
        )
        run = StageRun(order.request, order.index, PartSet.parse(order.parts), world)
        result = run.run(lambda: self._load(order.request.model))
        self._answer(order.number, result)

    def _answer(self, number: int, result: StageResult) -> None:
        line = Answer(number=number, result=result).model_dump_json(by_alias=True)
        self._answers.write(line.encode() + b"\n")
        self._answers.flush()

    def _load(self, model: str) -> object:
        if model not in self._loaded:
            self._loaded.clear()
            self._loaded[model] = load_engine(self._engine, model, self._settings)
        return self._loaded[model]


_Report = Callable[[StageResult], None]


class _Throttle:
    """Passes on at most one progress report every REPORT_SECONDS."""

    def __init__(self, report: _Report) -> None:
        self._report = report
        self._last = 0.0

    def __call__(self, result: StageResult) -> None:
        now = time.monotonic()
        if now - self._last >= REPORT_SECONDS:
            self._last = now
            self._report(result)


def load_engine(name: str, model: str, settings: StageSettings) -> object:
    """An engine and the drivers of its stages; raises EngineUnavailable saying what is missing."""
    engine = installed_engine(name, settings.weights)
    weights = weights_of(engine.manifest, model, settings.weights)
    for stage in engine.manifest.spec.stages:
        driver_of(stage)
    return engine.load(EngineContext(model, weights, DeviceType.CPU, settings.threads))


def _private_stdout() -> IO[bytes]:
    """The answers' pipe, out of reach of anything a model library prints."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _read(orders: "queue.SimpleQueue[Order | None]") -> None:
    """Queue every order; the end of the input means that the parent is gone."""
    rest = b""
    # Not sys.stdin: its lock, held here, would abort an interpreter that ends with an error.
    while chunk := os.read(0, READ_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            orders.put(Order.model_validate_json(line))
    os._exit(ExitCode.TERMINATED)


if __name__ == "__main__":
    main()
