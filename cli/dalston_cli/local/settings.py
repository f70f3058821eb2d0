"""Settings of local mode, read from the environment once, at start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dalston_cli.errors import UserError
from dalston_engines.settings import dalston_home
from dalston_engines.weights import WeightsPlaces

RESERVED_MEBIBYTES = 512
"""Memory left to everything else when the cap is not set."""


@dataclass(frozen=True)
class LocalSettings:
    """What local mode is told by its environment."""

    home: Path
    """Where state lies (``DALSTON_HOME``)."""
    weights: WeightsPlaces
    """Where models' weights may lie (``DALSTON_WEIGHTS``, the home, a Hugging Face cache)."""
    workers: int
    """Parts worked on at once (``DALSTON_WORKERS``; default: the cores this process may use)."""
    memory_mebibytes: int
    """Memory all workers may take together (``DALSTON_MEMORY_MIB``)."""
    shard_seconds: int
    """Length a shard aims at (``DALSTON_SHARD_SECONDS``)."""
    max_audio_seconds: int
    """Longest audio taken (``DALSTON_MAX_AUDIO_SECONDS``)."""
    idle_seconds: float
    """Time after which an idle worker is ended (``DALSTON_IDLE_SECONDS``)."""
    threads: int
    """CPU threads of one engine (``DALSTON_THREADS``); workers read it for themselves."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "LocalSettings":
        """The settings in *environment*; raises UserError naming a bad one."""
        home = dalston_home(environment)
        return cls(
            home=home,
            weights=WeightsPlaces.read(environment, home),
            workers=_number(environment, "DALSTON_WORKERS", len(os.sched_getaffinity(0)), 1),
            memory_mebibytes=_number(environment, "DALSTON_MEMORY_MIB", _memory(), 256),
            shard_seconds=_number(environment, "DALSTON_SHARD_SECONDS", 300, 10),
            max_audio_seconds=_number(environment, "DALSTON_MAX_AUDIO_SECONDS", 86_400, 1),
            idle_seconds=_number(environment, "DALSTON_IDLE_SECONDS", 60, 0),
            threads=_number(environment, "DALSTON_THREADS", 1, 1),
        )

    @property
    def database(self) -> Path:
        """The state database."""
        return self.home / "dalston.db"

    @property
    def artifacts(self) -> Path:
        """Folder of all jobs' artifacts."""
        return self.home / "artifacts"

    @property
    def locks(self) -> Path:
        """Folder of the jobs' lock files."""
        return self.home / "locks"


def _number(environment: Mapping[str, str], name: str, default: int, least: int) -> int:
    text = environment.get(name, str(default))
    if not text.isdecimal() or int(text) < least:
        raise UserError(f"{name} must be a whole number of at least {least}, not {text!r}")
    return int(text)


def _memory() -> int:
    mebibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return max(RESERVED_MEBIBYTES, mebibytes - RESERVED_MEBIBYTES)
