"""Long media made of the committed samples, so that benches need no speech synthesis."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from dalston_bench.truth import load_truth

SAMPLE_RATE = 16_000
MP3_FRAME = 1152
SAMPLES = Path("config/samples")

Pcm = NDArray[np.int16]


def sentences(sample: str, channel: int = 0) -> list[Pcm]:
    """The sound of each turn of a sample, without the pauses around it."""
    samples, rate = soundfile.read(SAMPLES / f"{sample}.wav", dtype="int16", always_2d=True)
    truth = load_truth(SAMPLES / f"{sample}.truth.json")
    return [
        samples[round(turn.start * rate) : round(turn.end * rate), channel]
        for turn in truth.turns
        if turn.channel == channel
    ]


def speech(seconds: float, pauses: Sequence[float]) -> Pcm:
    """Sentences one after the other with *pauses* (seconds, taken in turn) between them."""
    spoken = sentences("monologue") + sentences("two-speakers") + sentences("long-pauses")
    pieces: list[Pcm] = []
    length = 0
    for number in range(10**9):
        pause = np.zeros(round(pauses[number % len(pauses)] * SAMPLE_RATE), np.int16)
        sentence = spoken[number * 7 % len(spoken)]
        pieces += [sentence, pause]
        length += len(sentence) + len(pause)
        if length >= seconds * SAMPLE_RATE:
            break
    return np.concatenate(pieces)


def unbroken(seconds: float) -> Pcm:
    """Speech without a pause: the next sentence starts before the last one has died away."""
    return speech(seconds, pauses=(0.0,))


def write_wav(path: Path, samples: Pcm) -> Path:
    """Write mono or stereo samples of shape [n] or [n, channels]."""
    soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")
    return path


def write_long_mp3(path: Path, seconds: float, block_seconds: float = 600.0) -> Path:
    """A stereo MP3 of about *seconds*: one encoded block, its frames repeated."""
    left = speech(block_seconds, pauses=(0.4, 1.1, 0.7))
    stereo = np.stack([left, np.roll(left, len(left) // 3)], axis=1)
    frames = b"".join(_mp3_frames(stereo))
    length = len(stereo) / SAMPLE_RATE
    with path.open("wb") as stream:
        for _ in range(max(1, round(seconds / length))):
            stream.write(frames)
    return path


def _mp3_frames(stereo: Pcm) -> Iterator[bytes]:
    encoder = av.CodecContext.create("libmp3lame", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 44_100, "stereo", "s16p"
    encoder.bit_rate = 128_000
    resampler = av.AudioResampler("s16p", "stereo", 44_100, frame_size=MP3_FRAME)
    frame = av.AudioFrame.from_ndarray(stereo.reshape(1, -1), format="s16", layout="stereo")
    frame.sample_rate = SAMPLE_RATE
    for resampled in (*resampler.resample(frame), *resampler.resample(None)):
        resampled.pts = None
        yield from (bytes(packet) for packet in encoder.encode(resampled))
    yield from (bytes(packet) for packet in encoder.encode(None))
