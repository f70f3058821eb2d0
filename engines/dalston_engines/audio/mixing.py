"""The mono mix: the mean of the active channels; where channels cancel out, the loudest one."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dalston_engines.audio.decode import Block

SILENT_RATIO = 1e-4
"""A channel 40 dB below the loudest is not active: averaging it in would only halve the rest."""
CANCEL_RATIO = 0.1
"""A mix with less than a tenth of the loudest channel's energy has cancelled out."""
MEMORY = 0.8
"""How much of the past energies each block keeps, so that the choice does not flicker."""


@dataclass
class Mixer:
    """Mixes consecutive blocks; remembers which channels are alive."""

    _energies: NDArray[np.float64] | None = field(default=None, repr=False)
    _mix_energy: float = field(default=0.0, repr=False)

    def mix(self, block: Block) -> NDArray[np.int16]:
        """The mono samples of one block of shape [n, channels]."""
        if block.shape[1] == 1:
            return block[:, 0]
        samples = block.astype(np.float32)
        energies = self._remember(np.mean(np.square(samples, dtype=np.float64), axis=0))
        active = energies >= energies.max() * SILENT_RATIO
        mixed = samples[:, active].mean(axis=1)
        self._mix_energy = MEMORY * self._mix_energy + float(np.mean(np.square(mixed)))
        if self._mix_energy < CANCEL_RATIO * float(energies.max()):
            return block[:, int(energies.argmax())]
        rounded: NDArray[np.int16] = np.rint(mixed).astype(np.int16)
        return rounded

    def _remember(self, energies: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._energies is not None:
            energies = energies + MEMORY * self._energies
        self._energies = energies
        return energies
