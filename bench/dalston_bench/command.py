"""Runs the real ``dalston`` command and reads what it says of its jobs."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Run:
    """One run of the command."""

    seconds: float
    jobs: list[dict[str, Any]]

    def transcript(self, number: int = 0) -> dict[str, Any]:
        """The document of one of its files."""
        found: dict[str, Any] = self.jobs[number]["transcript"]
        return found

    def engine_milliseconds(self, number: int = 0) -> int:
        """Time its stages spent working, model loading left out."""
        stages = self.jobs[number]["status"]["stages"]
        return sum(stage.get("timings", {}).get("workedMilliseconds", 0) for stage in stages)


def transcribe(home: Path, files: Sequence[Path], *options: str, **settings: str) -> Run:
    """``dalston transcribe --json`` with *settings* in its environment, such as DALSTON_WORKERS."""
    command = [str(Path(sys.executable).with_name("dalston")), "transcribe", "--json", *options]
    environment = os.environ | {"DALSTON_HOME": str(home)} | settings
    began = time.monotonic()
    done = subprocess.run(
        [*command, *map(str, files)], env=environment, stdout=subprocess.PIPE, check=True
    )
    return Run(time.monotonic() - began, json.loads(done.stdout))
