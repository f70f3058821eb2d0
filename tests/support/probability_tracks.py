"""Tracks of speech probabilities for tests, and prepare's way of cutting them into shards."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dalston_engines.audio.shards import (
    Shard,
    fits_one_shard,
    frames_needed,
    last_shard,
    next_shard,
)
from dalston_engines.audio.speech import Probabilities, Track, Window

Runs = Sequence[tuple[int, float]]
"""Counts of frames, each with one probability."""


def track(runs: Runs) -> Probabilities:
    """The runs one after another."""
    return np.concatenate([np.zeros(0, np.float32), *(np.full(n, p, np.float32) for n, p in runs)])


def talk(frames: int) -> tuple[int, float]:
    """Speech."""
    return frames, 0.9


def quiet(frames: int) -> tuple[int, float]:
    """No speech."""
    return frames, 0.05


def shards(tracks: Sequence[Probabilities], target: int, arriving: int) -> list[Shard]:
    """Cut as prepare does while *arriving* frames come at a time."""
    length, have, origin = len(tracks[0]), 0, 0
    carried = [False] * len(tracks)
    found: list[Shard] = []

    def view() -> list[Track]:
        return [Track(t[origin:have], was) for t, was in zip(tracks, carried, strict=True)]

    def take(shard: Shard) -> None:
        nonlocal origin, carried
        found.append(shard)
        origin += shard.end
        carried = [share.carries for share in shard.tracks]

    while have < length:
        have = min(length, have + arriving)
        while have - origin >= frames_needed(target):
            take(next_shard(view(), target))
    while not fits_one_shard(length - origin, target):
        take(next_shard(view(), target))
    take(last_shard(view()))
    return found


def windows(cut: Sequence[Shard], track: int = 0) -> list[Window]:
    """All windows of one track, counted from the first shard's start."""
    origin, found = 0, []
    for shard in cut:
        for window in shard.tracks[track].windows:
            placed = replace(window, start=origin + window.start, end=origin + window.end)
            found.append(placed)
        origin += shard.end
    return found
