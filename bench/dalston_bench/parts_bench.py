"""One long file in parts: how much faster, and whether the text is the same."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dalston_bench.command import transcribe
from dalston_bench.long_audio import speech, unbroken, write_wav
from dalston_bench.measurement import Figure, at_least, at_most
from dalston_bench.scoring import word_error_rate

NAME = "parts"
SEAM_SECONDS = 3.0
SHARD_SECONDS = 60


def run(folder: Path) -> Iterator[Figure]:
    """30 min with pauses in parts, then 20 min without any in shards of 60 s."""
    yield from _faster(folder)
    yield from _seams(folder)


def _faster(folder: Path) -> Iterator[Figure]:
    audio = write_wav(folder / "30min.wav", speech(1800, pauses=(0.4, 1.1, 0.7, 2.0)))
    parts = transcribe(folder / "parts", [audio])
    whole = transcribe(folder / "whole", [audio], DALSTON_SHARD_SECONDS="7200")
    yield at_least(NAME, "30 min in parts over one part", whole.seconds / parts.seconds, "x", 1.7)
    same = parts.transcript()["text"] == whole.transcript()["text"]
    yield at_least(NAME, "30 min, same text (1 is yes)", float(same), "", 1)
    yield Figure(NAME, "30 min in parts", 1800 / parts.seconds, "x real time")


def _seams(folder: Path) -> Iterator[Figure]:
    audio = write_wav(folder / "unbroken.wav", unbroken(1200))
    shards = transcribe(folder / "shards", [audio], DALSTON_SHARD_SECONDS=str(SHARD_SECONDS))
    whole = transcribe(folder / "one", [audio], DALSTON_SHARD_SECONDS="7200")
    seams = _seam_times(folder / "shards")
    near_shards = _near(shards.transcript(), seams)
    near_whole = _near(whole.transcript(), seams)
    errors = word_error_rate(" ".join(near_whole), " ".join(near_shards))
    yield Figure(NAME, "20 min unbroken, seams", len(seams), "")
    yield Figure(NAME, "words within 3 s of a seam", len(near_whole), "")
    yield at_most(NAME, "of them lost", errors.deletions, "", 0)
    yield at_most(NAME, "of them doubled", errors.insertions, "", 0)
    yield at_most(NAME, "of them different", errors.substitutions, "", 0)


def _seam_times(home: Path) -> list[float]:
    """Where the shards were cut, from the media document."""
    path = next(home.glob("artifacts/*/*/*/prepare/00000/*-media.json"))
    parts = json.loads(path.read_bytes())["parts"]
    return [part["start"] for part in parts[1:]]


def _near(document: dict[str, Any], seams: list[float]) -> list[str]:
    return [
        word["text"]
        for segment in document["segments"]
        for word in segment["words"]
        if any(abs((word["start"] + word["end"]) / 2 - seam) <= SEAM_SECONDS for seam in seams)
    ]
