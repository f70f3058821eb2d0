"""What a driver is given for one part: the request, the artifacts, the engine and a meter."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from dalston_crds.stage_messages import StageRequest
from dalston_engines.artifacts import Artifacts, PartWriter
from dalston_engines.errors import Terminated


@dataclass
class Meter:
    """Counts audio and engine time, and tells a driver when to stop."""

    clock: Callable[[], float]
    stopping: Callable[[], bool] = lambda: False
    on_advance: Callable[[], None] = lambda: None
    audio_seconds: float = 0.0
    engine_seconds: float = field(default=0.0)

    def advance(self, audio_seconds: float) -> None:
        """Note progress; raises Terminated when the process was asked to stop."""
        self.audio_seconds += audio_seconds
        self.on_advance()
        if self.stopping():
            raise Terminated("asked to stop")

    @contextmanager
    def engine(self) -> Iterator[None]:
        """Time spent inside is the engine's own work."""
        began = self.clock()
        try:
            yield
        finally:
            self.engine_seconds += self.clock() - began


@dataclass(frozen=True)
class PartWork:
    """One part to be made."""

    request: StageRequest
    part: int
    artifacts: Artifacts
    writer: PartWriter
    engine: object
    meter: Meter
    now: datetime
