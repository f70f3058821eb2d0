"""Long recordings with their truth: samples one after the other, a known pause after each.

The same call writes the same bytes, so digests and job names are the same in every run.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

SAMPLES = Path(__file__).resolve().parents[2] / "config" / "samples"
Pcm = NDArray[np.int16]
"""Shape [n, channels]."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Recording:
    """A WAV file and, beside it, its truth as the samples have theirs."""

    path: Path
    truth: Path
    seconds: float
    text: str

    @property
    def folder(self) -> Path:
        """The folder that the oracle finds the truth in."""
        return self.path.parent


def write_recording(path: Path, samples: Sequence[str], pause_seconds: float = 1.0) -> Recording:
    """Samples of one rate and channel count, joined; *path* ends in ``.wav``."""
    truths = [_truth(name) for name in samples]
    first = truths[0]
    rate, channels = first["sampleRate"], first["channels"]
    pause = np.zeros((round(pause_seconds * rate), channels), np.int16)
    pieces = [np.concatenate([_sound(name, rate), pause]) for name in samples]
    soundfile.write(path, np.concatenate(pieces), rate, subtype="PCM_16")
    ends = list(accumulate(len(piece) / rate for piece in pieces))
    turns = list(_shifted(truths, [0.0, *ends[:-1]]))
    document = {
        "audio": path.name,
        "channels": channels,
        "duration": round(ends[-1], 3),
        "language": first["language"],
        "sampleRate": rate,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "turns": turns,
    }
    truth = path.with_name(f"{path.stem}.truth.json")
    truth.write_text(json.dumps(document, indent=1, sort_keys=True))
    return Recording(path, truth, ends[-1], " ".join(turn["text"] for turn in turns))


def _truth(name: str) -> Json:
    found: Json = json.loads((SAMPLES / f"{name}.truth.json").read_text("utf-8"))
    return found


def _sound(name: str, rate: int) -> Pcm:
    sound, own_rate = soundfile.read(SAMPLES / f"{name}.wav", dtype="int16", always_2d=True)
    if own_rate != rate:
        raise ValueError(f"{name} has {own_rate} Hz, the first sample {rate} Hz")
    return np.asarray(sound, np.int16)


def _shifted(truths: Sequence[Json], starts: Sequence[float]) -> Iterator[Json]:
    """Every turn on the clock of the whole recording."""
    for truth, start in zip(truths, starts, strict=True):
        for turn in truth["turns"]:
            words = [_moved(word, start) for word in turn["words"]]
            yield {**_moved(turn, start), "words": words}


def _moved(item: Mapping[str, Any], seconds: float) -> Json:
    start, end = (round(item[edge] + seconds, 3) for edge in ("start", "end"))
    return {**item, "start": start, "end": end}
