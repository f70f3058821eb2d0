"""What an engine implements: one small protocol per kind of model.

An engine is a class named by an entry point of the group ``dalston.engines`` and called with an
``EngineContext``. It sees audio and options, never storage, parts or requests: the drivers in
``dalston_engines.stages`` do all of that. Its ``engine.yaml`` beside it says what it can do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dalston_crds.transcript import Segment
from dalston_crds.v1alpha1 import Task, Timestamps
from dalston_engines.engine_context import EngineContext

SAMPLE_RATE = 16_000
"""Hz of all audio an engine sees."""

FRAME_SAMPLES = 512
"""Samples of one voice activity frame (32 ms)."""

Samples = NDArray[np.float32]
"""Mono samples from -1 to 1 at 16 kHz, shape [n]."""


@dataclass(frozen=True)
class Audio:
    """A stretch of one track, decoded from a fresh state."""

    samples: Samples
    start: float = 0.0
    """Seconds of the media at the first sample."""
    channel: int | None = None
    """Channel of the original; None for the mix."""
    source_sha256: str = ""
    """Digest of the original media."""

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / SAMPLE_RATE

    def cut(self, start: float, end: float) -> "Audio":
        """The audio between two times of the media, in seconds, clipped to what there is."""
        low = max(0, round((start - self.start) * SAMPLE_RATE))
        high = max(low, round((end - self.start) * SAMPLE_RATE))
        cut = self.samples[low:high]
        return Audio(cut, self.start + low / SAMPLE_RATE, self.channel, self.source_sha256)


@dataclass(frozen=True)
class TranscribeOptions:
    """How a Transcriber is to listen."""

    language: str | None = None
    """BCP 47 code; None: the engine decides."""
    task: Task = Task.TRANSCRIBE
    timestamps: Timestamps = Timestamps.WORD
    vocabulary: tuple[str, ...] = ()
    prompt: str = ""
    temperature: float = 0.0
    recover: bool = False
    """A second look at speech the first one left without words: other settings, wider search."""


@dataclass(frozen=True)
class EngineWarning:
    """Something the reader of the transcript should know; reason is a stable word."""

    reason: str
    message: str


@dataclass(frozen=True)
class Hypothesis:
    """What a Transcriber heard in one stretch. Times count from the stretch's first sample."""

    segments: tuple[Segment, ...] = ()
    language: str | None = None
    """The language heard, if the engine can tell."""
    language_confidence: float | None = None
    warnings: tuple[EngineWarning, ...] = field(default=())


class Transcriber(Protocol):
    """Speech to words."""

    def transcribe(
        self, windows: Sequence[Audio], options: TranscribeOptions
    ) -> Iterator[Hypothesis]:
        """One hypothesis per window, in order; an engine may batch as it likes."""
        ...


class VoiceActivityStream(Protocol):
    """The state of one track's voice activity detection."""

    def feed(self, samples: Samples) -> NDArray[np.float32]:
        """Speech probability of each frame completed so far; samples may come in any amounts."""
        ...


class VoiceActivityDetector(Protocol):
    """Finds speech, in frames of ``FRAME_SAMPLES``."""

    def open(self) -> VoiceActivityStream:
        """A fresh stream for one track."""
        ...


__all__ = [
    "FRAME_SAMPLES",
    "SAMPLE_RATE",
    "Audio",
    "EngineContext",
    "EngineWarning",
    "Hypothesis",
    "Samples",
    "TranscribeOptions",
    "Transcriber",
    "VoiceActivityDetector",
    "VoiceActivityStream",
]
