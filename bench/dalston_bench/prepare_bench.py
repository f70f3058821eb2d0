"""Prepare: speed per core and peak memory on long stereo MP3s."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dalston_bench.long_audio import write_long_mp3
from dalston_bench.measurement import Figure, at_least, at_most
from dalston_crds.stage_messages import JobRef, StageOptions, StageRequest, Tracks
from dalston_crds.v1alpha1 import Source, StageName

NAME = "prepare"
HOUR = 3600.0


def run(folder: Path) -> Iterator[Figure]:
    """1, 3 and 10 h."""
    for hours in (1, 3, 10):
        audio = write_long_mp3(folder / f"{hours}h.mp3", hours * HOUR)
        found = _prepared(folder, audio)
        audio.unlink()
        channel_seconds = 2 * found["result"]["media"]["durationMilliseconds"] / 1000
        speed = channel_seconds / found["cpu_seconds"]
        what = f"{hours} h stereo mp3"
        unit = "channel-s per core-s"
        yield at_least(NAME, what, speed, unit, 150)
        yield at_most(NAME, f"{what}, peak memory", found["peak_mebibytes"], "MiB", 286)


def _prepared(folder: Path, audio: Path) -> dict[str, Any]:
    request = StageRequest(
        job=JobRef(name="bench", namespace="default", uid=audio.stem),
        stage=StageName.PREPARE,
        covers=(StageName.PREPARE,),
        plan=(StageName.PREPARE,),
        round=0,
        parts="0",
        indexes=1,
        engine="silero",
        root=(folder / "artifacts" / audio.stem).as_uri(),
        options=StageOptions(source=Source(uri=audio.as_uri()), tracks=Tracks.CHANNELS),
    )
    path = folder / "request.json"
    path.write_bytes(request.model_dump_json(by_alias=True).encode())
    command = [sys.executable, "-m", "dalston_bench.stage_process", "silero", str(path), "0"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
