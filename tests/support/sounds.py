"""Sounds for tests: spoken samples cut and joined, and files of every format that holds them."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from dalston_bench.truth import Truth, Word, load_truth

RATE = 16_000
SAMPLES = Path(__file__).resolve().parents[2] / "config" / "samples"
Sound = NDArray[np.float32]
"""Samples from -1 to 1, shape [n] or [n, channels]."""


def sample(name: str) -> Sound:
    """A sample's audio as it is."""
    sound, _ = soundfile.read(SAMPLES / f"{name}.wav", dtype="float32")
    return np.asarray(sound, np.float32)


def truth(name: str) -> Truth:
    """What is said in a sample."""
    return load_truth(SAMPLES / f"{name}.truth.json")


def silence(seconds: float, channels: int = 1) -> Sound:
    """Nothing."""
    count = round(seconds * RATE)
    return np.zeros(count if channels == 1 else (count, channels), np.float32)


def tone(seconds: float, hertz: float = 440.0, level: float = 0.3) -> Sound:
    """A sine."""
    moments = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hertz * moments)).astype(np.float32)


def unbroken(seconds: float) -> tuple[Sound, tuple[Word, ...]]:
    """Speech without a pause, and its words."""
    sound, known = sample("monologue"), truth("monologue")
    pieces: list[Sound] = []
    words: list[Word] = []
    length = 0
    while length < seconds * RATE:
        for turn in known.turns:
            low, high = round(turn.start * RATE), round(turn.end * RATE)
            shift = length / RATE - low / RATE
            words.extend(Word(w.text, w.start + shift, w.end + shift) for w in turn.words)
            pieces.append(sound[low:high])
            length += high - low
    return np.concatenate(pieces), tuple(words)


def write_wav(path: Path, sound: Sound, rate: int = RATE, subtype: str = "PCM_16") -> Path:
    """A WAV file."""
    soundfile.write(path, sound, rate, subtype=subtype)
    return path


def encode(
    path: Path,
    sound: Sound,
    codec: str,
    rate: int = 48_000,
    video: bool = False,
    pauses: Sequence[tuple[float, float]] = (),
) -> Path:
    """A file of any format, by its name.

    *pauses* are moments of the sound and how many seconds of the container's clock pass there.
    """
    with av.open(path, "w") as container:
        pictures = container.add_stream("mpeg4", rate=10) if video else None
        stream: Any = container.add_stream(codec, rate=rate)
        stream.layout = "mono" if sound.ndim == 1 else "stereo"
        for packet in _pictures(pictures):
            container.mux(packet)
        for frame in _frames(sound, stream, pauses):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _frames(sound: Sound, stream: Any, pauses: Sequence[tuple[float, float]]) -> Iterator[Any]:
    """The sound in frames that the codec takes, put off by the pauses before them."""
    context = stream.codec_context
    resampler = av.AudioResampler(context.format, context.layout, context.rate, 960)
    planar = np.atleast_2d(sound.T).reshape(1, -1) if sound.ndim == 1 else sound.reshape(1, -1)
    source = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(planar), format="flt", layout=context.layout.name
    )
    source.sample_rate = RATE
    at = 0
    for frame in [*resampler.resample(source), *resampler.resample(None)]:
        moment = Fraction(at, context.rate)
        late = sum(seconds for when, seconds in pauses if moment >= when)
        frame.time_base = Fraction(1, context.rate)
        frame.pts = at + round(late * context.rate)
        at += frame.samples
        yield frame


def _pictures(stream: Any) -> Iterator[Any]:
    """Two seconds of black."""
    if stream is None:
        return
    stream.width = stream.height = 32
    stream.pix_fmt = "yuv420p"
    for number in range(20):
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, 10)
        yield stream.encode(frame)
    yield stream.encode(None)
