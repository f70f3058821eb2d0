"""Silero VAD in its sequence form: many frames of one track in one call, state carried over.

The ``silero-vad`` wheel carries the model; torch, which that package can also use, is not needed.
The model hears each frame of 512 samples after the last 64 samples of the frame before.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from dalston_engines.contract import FRAME_SAMPLES, EngineContext, Samples
from dalston_engines.errors import EngineUnavailable

MODEL = "data/silero_vad_16k_sequence.onnx"
CONTEXT_SAMPLES = 64


class Silero:
    """A VoiceActivityDetector."""

    def __init__(self, context: EngineContext) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = context.threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            _model_path().read_bytes(),
            options,
            providers=["CPUExecutionProvider"],
        )

    def open(self) -> "SileroStream":
        """A fresh stream for one track."""
        return SileroStream(self._session)


def _model_path() -> Path:
    """Where the wheel keeps the model; the package itself is not imported, as it needs torch."""
    spec = find_spec("silero_vad")
    if spec is None or spec.origin is None:
        raise EngineUnavailable("the package silero-vad is not installed: install the extra silero")
    return Path(spec.origin).parent / MODEL


class SileroStream:
    """One track's state."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._hidden = np.zeros((1, 1, 128), np.float32)
        self._cell = np.zeros((1, 1, 128), np.float32)
        self._context = np.zeros(CONTEXT_SAMPLES, np.float32)
        self._rest = np.zeros(0, np.float32)

    def feed(self, samples: Samples) -> NDArray[np.float32]:
        """Speech probability of each frame completed so far."""
        samples = np.concatenate([self._rest, samples])
        count = len(samples) // FRAME_SAMPLES
        self._rest = samples[count * FRAME_SAMPLES :]
        if count == 0:
            return np.zeros(0, np.float32)
        return self._run(samples[: count * FRAME_SAMPLES], count)

    def _run(self, samples: Samples, count: int) -> NDArray[np.float32]:
        heard = np.concatenate([self._context, samples])
        self._context = heard[-CONTEXT_SAMPLES:]
        frames = np.lib.stride_tricks.sliding_window_view(heard, CONTEXT_SAMPLES + FRAME_SAMPLES)
        inputs = {
            "input": np.ascontiguousarray(frames[::FRAME_SAMPLES][:count]),
            "h": self._hidden,
            "c": self._cell,
        }
        probabilities, self._hidden, self._cell = self._session.run(None, inputs)
        found: NDArray[np.float32] = probabilities
        return found
