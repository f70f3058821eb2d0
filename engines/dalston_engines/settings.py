"""Settings of a stage process, read from its environment once, at start."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dalston_engines.weights import WeightsPlaces


@dataclass(frozen=True)
class StageSettings:
    """What a stage process is told by its environment."""

    weights: WeightsPlaces
    """Where weights may lie (``DALSTON_WEIGHTS``, ``DALSTON_HOME``, a Hugging Face cache)."""
    threads: int
    """CPU threads an engine may use (``DALSTON_THREADS``)."""
    image: str
    """The image that runs, for manifests (``DALSTON_IMAGE``)."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "StageSettings":
        """The settings in *environment*."""
        return cls(
            weights=WeightsPlaces.read(environment, dalston_home(environment)),
            threads=int(environment.get("DALSTON_THREADS", "1")),
            image=environment.get("DALSTON_IMAGE", ""),
        )


def dalston_home(environment: Mapping[str, str]) -> Path:
    """Where state and weights lie: ``DALSTON_HOME``, else ``~/.local/share/dalston``."""
    if home := environment.get("DALSTON_HOME"):
        return Path(home).absolute()
    data = environment.get("XDG_DATA_HOME") or f"{environment.get('HOME', '/')}/.local/share"
    return Path(data) / "dalston"
