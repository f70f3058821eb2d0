"""One worker process: orders go in, answers come back, its death is noticed.

The process ends with this one: the kernel kills it, and the end of its input ends it too.
"""

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Callable

from dalston_crds.stage_messages import ExitCode, StageResult
from dalston_engines.worker_messages import Answer, Order

LINE_BYTES = 1 << 20
STDERR_LINES = 20
STDERR_BYTES = 4096
GRACE_SECONDS = 5.0

Progress = Callable[[StageResult], None]


class WorkerProcess:
    """A running worker for one engine."""

    def __init__(self, engine: str, process: asyncio.subprocess.Process) -> None:
        self.engine = engine
        self.memory_mebibytes = 0
        self._process = process
        self._errors: deque[str] = deque(maxlen=STDERR_LINES)
        self._listening = asyncio.create_task(self._listen())

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def carry_out(self, order: Order, progress: Progress) -> StageResult:
        """The last result of an order; a worker that dies answers with its exit code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(order.model_dump_json(by_alias=True).encode() + b"\n")
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            return await self._death(order)
        try:
            return await self._answered(order, self._process.stdout, progress)
        except ValueError:  # no answer at all, or a line beyond the limit: it cannot be trusted
            self.kill()
            return await self._death(order)

    async def _answered(
        self, order: Order, answers: asyncio.StreamReader, progress: Progress
    ) -> StageResult:
        while line := await answers.readline():
            answer = Answer.model_validate_json(line)
            if answer.number != order.number:
                continue
            if answer.result.exit_code is not None:
                return answer.result
            progress(answer.result)
        return await self._death(order)

    async def end(self) -> None:
        """Ask it to stop, and kill it when it does not."""
        if self.alive:
            self._signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(GRACE_SECONDS):
                    await self._process.wait()
            except TimeoutError:
                self.kill()
        await self._process.wait()
        await self._listening

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.alive:
            self._process.send_signal(number)

    async def _death(self, order: Order) -> StageResult:
        code = await self._process.wait()
        await self._listening
        if code == -signal.SIGKILL:
            why = "its worker was killed (out of memory?)"
        elif code < 0:
            why = f"its worker died of {signal.Signals(-code).name}"
        else:
            why = f"its worker ended with exit code {code}"
        said = self._errors[-1] if self._errors else ""
        return StageResult(
            index=order.index,
            exit_code=code if code > 0 else ExitCode.CRASHED,
            message=f"{why}: {said}"[:512] if said else why,
        )

    async def _listen(self) -> None:
        """Keep the last lines it prints, for the message when it dies."""
        assert self._process.stderr is not None
        rest = ""
        while chunk := await self._process.stderr.read(STDERR_BYTES):
            *lines, rest = (rest + chunk.decode(errors="replace")).split("\n")
            self._errors.extend(text for line in lines if (text := line.strip()))
            rest = rest[-STDERR_BYTES:]
        if text := rest.strip():
            self._errors.append(text)


async def start_worker(engine: str, model: str) -> WorkerProcess:
    """A new worker for *engine*, in a process group of its own so that Ctrl-C spares it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "dalston_engines.worker",
        engine,
        model,
        str(os.getpid()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
        start_new_session=True,
    )
    return WorkerProcess(engine, process)
