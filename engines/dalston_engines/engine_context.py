"""What an engine is given when it is loaded. Imports nothing heavy: listing engines needs it."""

from dataclasses import dataclass
from pathlib import Path

from dalston_crds.v1alpha1 import DeviceType

ENTRY_POINT_GROUP = "dalston.engines"


@dataclass(frozen=True)
class EngineContext:
    """What an engine is given when it is loaded."""

    model: str = ""
    """Name of one of the models in its engine.yaml; empty: the first."""
    weights: Path | None = None
    """Folder of the model's weights; None when the package carries them."""
    device: DeviceType = DeviceType.CPU
    threads: int = 1
    """CPU threads it may use."""
