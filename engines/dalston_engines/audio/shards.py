"""Where a file is cut into shards. Pure; positions are frames since the last cut.

A shard aims at a target length and is cut in the longest silence of all tracks within a quarter
of it. Where nobody pauses, the cut is forced onto the edge of a window that the speech would be
split at anyway, so that sharding does not change what is heard.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dalston_engines.audio.speech import (
    JOIN,
    LOOK_AHEAD,
    Region,
    Track,
    Window,
    speech_regions,
    speech_windows,
)

SLACK = 0.25
MIN_CUT_SILENCE = JOIN
"""Speech this far apart is never in one window, and its middle is clear of the padding."""


@dataclass(frozen=True)
class TrackShard:
    """One track's share of a shard."""

    regions: tuple[Region, ...]
    windows: tuple[Window, ...]
    carries: bool
    """Its speech goes on beyond a forced cut."""


@dataclass(frozen=True)
class Shard:
    """The frames from the last cut up to ``end``."""

    end: int
    forced: bool
    tracks: tuple[TrackShard, ...]


def frames_needed(target: int) -> int:
    """Frames to have before a cut can be chosen."""
    return round(target * (1 + SLACK)) + LOOK_AHEAD


def next_shard(tracks: Sequence[Track], target: int) -> Shard:
    """The next shard of about *target* frames of at least ``frames_needed`` frames."""
    low, high = round(target * (1 - SLACK)), round(target * (1 + SLACK))
    regions = [speech_regions(track) for track in tracks]
    windows = [speech_windows(track, found) for track, found in zip(tracks, regions, strict=True)]
    silence = _longest_silence(regions, low, high)
    forced = silence.end - silence.start < MIN_CUT_SILENCE
    end = _forced_cut(windows, low, high) if forced else (silence.start + silence.end) // 2
    shares = [
        _share(found, split, end, forced) for found, split in zip(regions, windows, strict=True)
    ]
    return Shard(end, forced, tuple(shares))


def last_shard(tracks: Sequence[Track]) -> Shard:
    """Everything that is left."""
    shares = []
    for track in tracks:
        regions = speech_regions(track)
        shares.append(TrackShard(regions, speech_windows(track, regions), False))
    return Shard(len(tracks[0].probabilities), False, tuple(shares))


def fits_one_shard(length: int, target: int) -> bool:
    """Whether what is left at the end of the media is one shard."""
    return length <= round(target * (1 + SLACK))


def _longest_silence(regions: Sequence[Sequence[Region]], low: int, high: int) -> Region:
    """The longest stretch from *low* to *high* in which no track speaks."""
    spoken = sorted((r for track in regions for r in track), key=lambda r: r.start)
    best, quiet_from = Region(low, low), low
    for region in [*spoken, Region(high, high)]:
        until = min(region.start, high)
        if until - quiet_from > best.end - best.start:
            best = Region(quiet_from, until)
        quiet_from = max(quiet_from, region.end)
    return best


def _forced_cut(windows: Sequence[Sequence[Window]], low: int, high: int) -> int:
    target = (low + high) // 2
    edges = [w.end for track in windows for w in track if w.forced_end and low <= w.end <= high]
    return min(edges, key=lambda edge: abs(edge - target), default=target)


def _share(
    regions: Sequence[Region], windows: Sequence[Window], end: int, forced: bool
) -> TrackShard:
    own = [Region(r.start, min(r.end, end)) for r in regions if r.start < end]
    kept = [
        w if w.end <= end else replace(w, end=end, forced_end=True)
        for w in windows
        if w.start < end
    ]
    carries = forced and any(w.end == end and w.forced_end for w in kept)
    return TrackShard(tuple(own), tuple(kept), carries)
