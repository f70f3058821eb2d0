"""Live progress on a terminal: per job its stage, audio done, speed and time left.

Without a terminal nothing is drawn, so that logs stay clean.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from dalston_cli.local.database import Row
from dalston_cli.local.local_round import LocalRound
from dalston_cli.local.session import Session
from dalston_crds.labels import DISPLAY_NAME
from dalston_crds.v1alpha1 import StageState
from dalston_operator.requests import audio_seconds

REDRAW_SECONDS = 0.1


@dataclass(frozen=True)
class StageProgress:
    """How far the stage at work is."""

    stage: str
    done: float
    """Seconds of audio worked through."""
    total: float
    """Seconds of audio in all; 0 while not known."""
    elapsed: float
    """Seconds since the stage began."""

    @property
    def speed(self) -> float:
        """Audio seconds per second."""
        return self.done / self.elapsed if self.elapsed > 0 else 0.0

    @property
    def fraction(self) -> float:
        """How much of the stage is done, from 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    def describe(self) -> str:
        """Audio done, speed and time left, in a few words."""
        if not self.done:
            return "starting" if self.stage else ""
        text = (
            f"{_length(self.done)} of {_length(self.total)}" if self.total else _length(self.done)
        )
        left = (self.total - self.done) / self.speed if self.total > self.done else 0.0
        return f"{text}, {self.speed:.1f}x, {_length(left)} left" if left else text


@dataclass
class JobProgress:
    """A display that follows a session's jobs."""

    session: Session
    names: Sequence[str]
    stream: TextIO
    _progress: Progress | None = None
    _tasks: dict[str, TaskID] = field(default_factory=dict)
    _began: dict[str, float] = field(default_factory=dict)
    _drawn: float = 0.0

    def __enter__(self) -> Self:
        if self.stream.isatty():
            columns = (
                TextColumn("{task.description}"),
                TextColumn("[bold]{task.fields[stage]}"),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[detail]}"),
            )
            self._progress = Progress(*columns, console=Console(file=self.stream), transient=True)
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def draw(self) -> None:
        """Bring the display up to date."""
        now = time.monotonic()
        if self._progress is None or now - self._drawn < REDRAW_SECONDS:
            return
        self._drawn = now
        for name in self.names:
            row = self.session.database.get(name)
            if row is not None:
                self._show(self._progress, name, row, now)

    def _show(self, progress: Progress, name: str, row: Row, now: float) -> None:
        if name not in self._tasks:
            title = row.job.metadata.annotations.get(DISPLAY_NAME, name)
            self._tasks[name] = progress.add_task(title, total=1000, stage="", detail="")
        state = self._stage(row, now)
        progress.update(
            self._tasks[name],
            completed=1000 if row.job.finished else 1000 * state.fraction,
            stage="done" if row.job.finished else state.stage,
            detail="" if row.job.finished else state.describe(),
        )

    def _stage(self, row: Row, now: float) -> StageProgress:
        running = [s.name for s in row.job.status.stages if s.state is StageState.RUNNING]
        stage = running[-1] if running else ""
        rounds = [
            r for r in self.session.cluster.rounds(row.job.metadata.uid) if r.round_.stage == stage
        ]
        began = self._began.setdefault(f"{row.job.metadata.uid} {stage}", now)
        total = audio_seconds(row.job.spec, row.job.status)
        return StageProgress(stage, _done(rounds), total, now - began)


def _done(rounds: Sequence[LocalRound]) -> float:
    return sum(item.audio_milliseconds() for item in rounds) / 1000


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
