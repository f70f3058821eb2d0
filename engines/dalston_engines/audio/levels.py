"""Loudness by energy alone, independent of any voice activity model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dalston_engines.contract import SAMPLE_RATE, Samples

FRAME = SAMPLE_RATE // 50
"""Samples of one 20 ms frame."""
FLOOR_DBFS = -100.0
NOISE_PERCENTILE = 10
LOUD_ABOVE_NOISE_DB = 15.0
LOUD_AT_LEAST_DBFS = -45.0
CLIPPED = 32_767


def decibels(mean_square: float) -> float:
    """dBFS of a mean square, where full scale is 1; at least -100."""
    return max(FLOOR_DBFS, 10 * float(np.log10(max(mean_square, 1e-12))))


@dataclass
class LevelMeter:
    """Sums the levels of one track's int16 blocks."""

    samples: int = 0
    clipped: int = 0
    peak: int = 0
    square_sum: float = 0.0

    def feed(self, block: NDArray[np.int16]) -> None:
        """Add one block."""
        wide = block.astype(np.int32)
        magnitude = np.abs(wide)
        self.samples += len(block)
        self.clipped += int(np.count_nonzero(magnitude >= CLIPPED))
        self.peak = max(self.peak, int(magnitude.max(initial=0)))
        self.square_sum += float(np.square(wide, dtype=np.float64).sum())

    @property
    def rms_dbfs(self) -> float:
        """Root mean square over everything fed."""
        return decibels(self.square_sum / max(self.samples, 1) / 32_768**2)

    @property
    def peak_dbfs(self) -> float:
        """The largest sample."""
        return decibels((self.peak / 32_768) ** 2)


def loud_regions(samples: Samples) -> tuple[tuple[float, float], ...]:
    """Stretches clearly above the noise floor, in seconds from the first sample.

    The noise floor is the 10th percentile of 20 ms frames; loud is 15 dB above it.
    """
    frames = len(samples) // FRAME
    if frames == 0:
        return ()
    energy = np.square(samples[: frames * FRAME].reshape(frames, FRAME)).mean(axis=1)
    level = 10 * np.log10(np.maximum(energy, 1e-12))
    floor = float(np.percentile(level, NOISE_PERCENTILE))
    loud = level >= max(floor + LOUD_ABOVE_NOISE_DB, LOUD_AT_LEAST_DBFS)
    edges = np.flatnonzero(np.diff(loud.astype(np.int8), prepend=0, append=0))
    seconds = FRAME / SAMPLE_RATE
    return tuple(
        (float(start) * seconds, float(end) * seconds) for start, end in edges.reshape(-1, 2)
    )
