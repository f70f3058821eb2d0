"""From speech probabilities to speech regions and to the windows that are decoded. Pure.

All positions here are frames of 512 samples (32 ms). A *region* is speech. A *window* is what a
transcriber hears in one piece from a fresh state: regions closer than ``JOIN``, padded, and split
where unbroken speech is longer than ``MAX_WINDOW``. Windows depend on nearby audio only, never on
where shards begin, so a file's text is the same in one shard or in many.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dalston_engines.contract import FRAME_SAMPLES, SAMPLE_RATE

FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE


def frames(seconds: float) -> int:
    """The number of frames nearest to a length in seconds."""
    return round(seconds / FRAME_SECONDS)


ENTER = 0.5
"""Probability at which speech begins."""
LEAVE = 0.35
"""Probability below which it ends."""
MIN_SPEECH = frames(0.15)
MIN_SILENCE = frames(0.2)
JOIN = frames(0.5)
PAD = frames(0.2)
MIN_WINDOW = frames(12.0)
MAX_WINDOW = frames(26.0)
MIN_REST = frames(2.0)
"""What the last cut of a stretch leaves is long enough to hold a few words."""
LOOK_AHEAD = MAX_WINDOW + MIN_REST + JOIN + MIN_SPEECH
"""Frames after a window's start that decide where it ends."""

Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class Region:
    """Speech in the frames from ``start`` up to ``end``."""

    start: int
    end: int


@dataclass(frozen=True)
class Window:
    """A stretch to decode. A forced edge lies inside speech and is heard by both neighbours."""

    start: int
    end: int
    forced_start: bool = False
    forced_end: bool = False


@dataclass(frozen=True)
class Track:
    """One track since the last cut; ``carried`` says that the cut was forced amid its speech."""

    probabilities: Probabilities
    carried: bool = False


def speech_regions(track: Track) -> tuple[Region, ...]:
    """Regions by hysteresis; short silences are bridged, blips dropped."""
    speaking = _speaking(track.probabilities, track.carried)
    edges = np.flatnonzero(np.diff(speaking, prepend=0, append=0)).reshape(-1, 2)
    begun = [Region(0, 0)] if track.carried else []
    found = [*begun, *(Region(int(start), int(end)) for start, end in edges)]
    return tuple(
        region
        for region in _joined(found, MIN_SILENCE)
        if region.end - region.start >= _least(region, track.carried)
    )


def speech_windows(track: Track, regions: Sequence[Region]) -> tuple[Window, ...]:
    """The windows of the track's regions."""
    length = len(track.probabilities)
    start = [Region(0, 0)] if track.carried else []
    windows: list[Window] = []
    for stretch in _joined([*start, *regions], JOIN):
        carried = track.carried and stretch.start == 0
        padded = Region(max(0, stretch.start - PAD), min(length, stretch.end + PAD))
        windows.extend(_split(padded, track.probabilities, carried))
    return tuple(windows)


def _least(region: Region, carried: bool) -> int:
    """The rest of speech that began before the cut counts however short it is."""
    return 1 if carried and region.start == 0 else MIN_SPEECH


def _speaking(probabilities: Probabilities, carried: bool) -> NDArray[np.int8]:
    """1 from the first frame at ENTER until the first below LEAVE, else 0."""
    if not len(probabilities):
        return np.zeros(0, np.int8)
    verdict = np.where(probabilities >= ENTER, 1, np.where(probabilities < LEAVE, 0, -1))
    decided = np.where(verdict >= 0, np.arange(len(verdict)), -1)
    last = np.maximum.accumulate(decided)
    return np.where(last >= 0, verdict[last], int(carried)).astype(np.int8)


def _joined(regions: Sequence[Region], gap: int) -> list[Region]:
    joined: list[Region] = []
    for region in regions:
        if joined and region.start - joined[-1].end < gap:
            joined[-1] = Region(joined[-1].start, region.end)
        else:
            joined.append(region)
    return joined


def _split(stretch: Region, probabilities: Probabilities, carried: bool) -> list[Window]:
    """Cut at the least speech-like frame of each window's later part."""
    windows: list[Window] = []
    start, forced = stretch.start, carried
    while stretch.end - start > MAX_WINDOW:
        low, high = start + MIN_WINDOW, min(start + MAX_WINDOW, stretch.end - MIN_REST)
        cut = low + int(np.argmin(probabilities[low:high]))
        windows.append(Window(start, cut, forced, True))
        start, forced = cut, True
    windows.append(Window(start, stretch.end, forced, False))
    return windows
