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
from datetime import UTC, datetime
from typing import IO

from dalston_crds.part_set import PartSet
from dalston_crds.stage_messages import ExitCode, StageRequest, StageResult
from dalston_engines.catalogue import InstalledEngine, installed_engines, weights_of
from dalston_engines.engine_context import EngineContext
from dalston_engines.errors import EngineUnavailable
from dalston_engines.runner import StageRun, World
from dalston_engines.settings import StageSettings
from dalston_engines.worker_messages import Answer, Order

PR_SET_PDEATHSIG = 1
REPORT_SECONDS = 0.2
READ_BYTES = 1 << 16


def main() -> None:
    """Serve orders for the engine named on the command line until told to end."""
    die_with_parent(int(sys.argv[2]))
    answers = _private_stdout()
    orders: queue.Queue[Order] = queue.Queue()
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_read, args=(orders,), daemon=True).start()
    worker = _Worker(sys.argv[1], StageSettings.read(os.environ), answers, stopping)
    while not stopping.is_set():
        try:
            order = orders.get(timeout=REPORT_SECONDS)
        except queue.Empty:
            continue
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

    def carry_out(self, order: Order) -> None:
        throttle = _Throttle(lambda result: self._answer(order.number, result))
        world = World(
            now=lambda: datetime.now(UTC),
            clock=time.monotonic,
            attempt=secrets.token_hex(4),
            stopping=self._stopping.is_set,
            report=throttle,
        )
        run = StageRun(order.request, order.index, PartSet.parse(order.parts), world)
        result = run.run(lambda: self._load(order.request))
        self._answer(order.number, result)

    def _answer(self, number: int, result: StageResult) -> None:
        line = Answer(number=number, result=result).model_dump_json(by_alias=True)
        self._answers.write(line.encode() + b"\n")
        self._answers.flush()

    def _load(self, request: StageRequest) -> object:
        if request.model not in self._loaded:
            self._loaded.clear()
            self._loaded[request.model] = load_engine(self._engine, request, self._settings)
        return self._loaded[request.model]


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


def load_engine(name: str, request: StageRequest, settings: StageSettings) -> object:
    """The engine a request names, loaded; raises EngineUnavailable saying what is missing."""
    engine = _installed(name, settings)
    weights = weights_of(engine.manifest, request.model, settings.weights)
    context = EngineContext(request.model, weights, request.device, settings.threads)
    return engine.load(context)


def _installed(name: str, settings: StageSettings) -> InstalledEngine:
    for engine in installed_engines(settings.weights):
        if engine.manifest.name == name:
            return engine
    raise EngineUnavailable(f"engine {name!r} is not installed here")


def _private_stdout() -> IO[bytes]:
    """The answers' pipe, out of reach of anything a model library prints."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _read(orders: "queue.Queue[Order]") -> None:
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
