"""Makes the spoken samples in config/samples, each with a truth file of words, times and speakers.

The speech comes from flite, whose utterance structure says when each segment of each word begins
and ends, so the truth is what was synthesised and not what some recogniser heard. Times are in
seconds on the clock of the finished file. A mono file has one turn per sentence.

    python hack/make_samples.py           writes the files
    python hack/make_samples.py --check   exits 1 when the committed files differ

The same flite build gives the same bytes each time: noise comes from a frozen generator, and the
mixing and filtering round on integers. The committed files come from Debian's flite 2.2 on x86-64.
"""

import argparse
import ctypes
import hashlib
import io
import json
import math
import struct
import sys
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int64]

SAMPLES_DIR = Path(__file__).resolve().parents[1] / "config" / "samples"
RATE = 16000
TELEPHONE_RATE = 8000
TELEPHONE_BAND_HZ = (300, 3400)
FILTER_TAPS = 255
TAP_SCALE = 1 << 15
LEAD_SECONDS = 0.05
TRAIL_SECONDS = 0.1
FADE_SECONDS = 0.01
SPEECH_DBFS = -23.0
FLOOR_DBFS = -70.0
FULL_SCALE = 32768
MULAW_TAG = 7
MULAW_BIAS = 132
MULAW_CLIP = 32635
WORD_START = b"R:SylStructure.daughter1.daughter1.R:Segment.p.end"
WORD_END = b"R:SylStructure.daughtern.daughtern.end"


@dataclass(frozen=True)
class Line:
    """One sentence to speak, `gap` seconds after the previous sentence's last word ends."""

    voice: str
    gap: float
    text: str
    channel: int = 0


@dataclass(frozen=True)
class Sample:
    """One file: its lines, `tail` seconds after the last word, and the noise under the speech."""

    name: str
    lines: tuple[Line, ...]
    tail: float
    channels: int = 1
    noise_dbfs: float = FLOOR_DBFS
    telephone: bool = False


@dataclass(frozen=True)
class Spoken:
    """A synthesised sentence: `audio` at RATE, and (word, start, end) in seconds within it."""

    audio: Samples
    words: tuple[tuple[str, float, float], ...]


SAMPLES = (
    Sample(
        "monologue",
        (
            Line("rms", 0.5, "the weather was cold and clear this morning"),
            Line("rms", 0.7, "we walked along the river until the sun went down"),
            Line("rms", 0.5, "we need more time to finish the work"),
            Line("rms", 1.0, "our plan is to leave early in the morning"),
        ),
        tail=0.5,
    ),
    Sample(
        "two-speakers",
        (
            Line("rms", 0.4, "good morning this is the front office how can i help you"),
            Line("slt", 0.4, "i have been waiting here for more than an hour", 1),
            Line("rms", 0.3, "he said he would come back in a few minutes"),
            Line("slt", 0.5, "he did not answer the question", 1),
            Line("rms", 0.3, "we need more time to finish the work"),
            Line("slt", 0.4, "that is good news thank you very much for your help", 1),
        ),
        tail=0.4,
        channels=2,
    ),
    Sample(
        "long-pauses",
        (
            Line("rms", 2.0, "they will build a new bridge across the river"),
            Line("rms", 3.0, "he said he would come back in a few minutes"),
            Line("rms", 4.0, "the first thing to do is to call the police"),
        ),
        tail=2.0,
    ),
    Sample(
        "noise",
        (
            Line("rms", 0.5, "there was a long line of people outside the store"),
            Line("rms", 0.7, "nobody knows what will happen after the election"),
        ),
        tail=0.7,
        noise_dbfs=SPEECH_DBFS - 20.0,
    ),
    Sample(
        "telephone",
        (
            Line("rms", 0.5, "we have to make a decision before the end of the week"),
            Line("rms", 0.6, "the meeting will start at nine in the morning"),
            Line("rms", 0.8, "nobody knows what will happen after the election"),
            Line("rms", 0.6, "the children were playing in the garden after school"),
        ),
        tail=0.5,
        telephone=True,
    ),
)


class _FliteWave(ctypes.Structure):
    """flite's cst_wave."""

    _fields_: ClassVar = [
        ("kind", ctypes.c_char_p),
        ("rate", ctypes.c_int),
        ("length", ctypes.c_int),
        ("channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


class Flite:
    """flite's C library, reached directly because its command line does not tell word times."""

    def __init__(self) -> None:
        """Loads the library; exits with a sentence saying what to install when it is missing."""
        self._lib = _load("libflite.so.1")
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        signatures: dict[str, tuple[Any, list[Any]]] = {
            "flite_synth_text": (pointer, [text, pointer]),
            "utt_wave": (ctypes.POINTER(_FliteWave), [pointer]),
            "utt_relation": (pointer, [pointer, text]),
            "relation_head": (pointer, [pointer]),
            "item_next": (pointer, [pointer]),
            "ffeature_float": (ctypes.c_float, [pointer, text]),
            "ffeature_string": (text, [pointer, text]),
            "delete_utterance": (None, [pointer]),
        }
        for name, (result, arguments) in signatures.items():
            function = getattr(self._lib, name)
            function.restype, function.argtypes = result, arguments
        self._lib.flite_init()
        self._voices: dict[str, Any] = {}

    def speak(self, voice: str, text: str) -> Spoken:
        """Speaks `text`, cut to its words with a short lead and trail, at SPEECH_DBFS."""
        utterance = self._lib.flite_synth_text(text.encode(), self._voice(voice))
        try:
            made = self._lib.utt_wave(utterance).contents
            audio = np.array(made.samples[: made.length], dtype=np.int64)
            words = self._words(utterance)
        finally:
            self._lib.delete_utterance(utterance)
        if wrong := _difference(text, words):
            raise ValueError(wrong)
        return _trim(audio, words)

    def _voice(self, name: str) -> Any:
        if name not in self._voices:
            register = getattr(_load(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
            register.restype, register.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
            self._voices[name] = register(None)
        return self._voices[name]

    def _words(self, utterance: Any) -> list[tuple[str, float, float]]:
        words = []
        item = self._lib.relation_head(self._lib.utt_relation(utterance, b"Word"))
        while item:
            name = self._lib.ffeature_string(item, b"name").decode()
            start = self._lib.ffeature_float(item, WORD_START)
            end = self._lib.ffeature_float(item, WORD_END)
            words.append((name, start, end))
            item = self._lib.item_next(item)
        return words


def _load(library: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(library)
    except OSError:
        raise SystemExit(
            f"{library} is missing: install flite (on Debian or Ubuntu `apt-get install flite`)"
            " and run this again."
        ) from None


def _difference(text: str, words: list[tuple[str, float, float]]) -> str:
    """Says how flite's words differ from the text; it respells a few, such as read, as reed."""
    spoken = " ".join(name for name, _, _ in words)
    return "" if spoken == text else f"flite speaks {text!r} as {spoken!r}: choose other words"


def _trim(audio: Samples, words: list[tuple[str, float, float]]) -> Spoken:
    first = round((words[0][1] - LEAD_SECONDS) * RATE)
    last = min(round((words[-1][2] + TRAIL_SECONDS) * RATE), len(audio))
    cut = _at_level(audio[first:last], SPEECH_DBFS)
    fade = round(FADE_SECONDS * RATE)
    ramp = np.arange(fade)
    cut[:fade] = cut[:fade] * ramp // fade
    cut[-fade:] = cut[-fade:] * ramp[::-1] // fade
    moved = tuple((name, start - first / RATE, end - first / RATE) for name, start, end in words)
    return Spoken(cut, moved)


def _at_level(audio: Samples, dbfs: float) -> Samples:
    # The power is summed on integers, so its value does not depend on the order of summing.
    rms = math.sqrt(int(np.sum(audio * audio)) / len(audio))
    scaled = np.rint(audio * (FULL_SCALE * 10 ** (dbfs / 20) / rms))
    return np.asarray(scaled, dtype=np.int64)


def _white_noise(shape: tuple[int, int], dbfs: float, seed: int) -> Samples:
    # RandomState's stream is frozen by numpy's policy; default_rng's may change with a release.
    peak = round(FULL_SCALE * 10 ** (dbfs / 20) * 3**0.5)
    drawn = np.random.RandomState(seed).randint(-peak, peak + 1, size=shape)
    return np.asarray(drawn, dtype=np.int64)


def _to_telephone(audio: Samples) -> Samples:
    """Keeps the telephone band and every second sample; integer taps round alike everywhere."""
    low, high = (2 * edge / RATE for edge in TELEPHONE_BAND_HZ)
    at = np.arange(FILTER_TAPS) - FILTER_TAPS // 2
    band = high * np.sinc(high * at) - low * np.sinc(low * at)
    taps = np.rint(band * np.hamming(FILTER_TAPS) * TAP_SCALE).astype(np.int64)
    kept = np.convolve(audio, taps, mode="same")[:: RATE // TELEPHONE_RATE]
    return np.asarray((kept + TAP_SCALE // 2) // TAP_SCALE, dtype=np.int64)


def _mulaw_bytes(audio: Samples) -> bytes:
    """Codes 16-bit values as G.711 mu-law, one byte each."""
    size = np.minimum(np.abs(audio), MULAW_CLIP) + MULAW_BIAS
    exponent = sum((size >= 1 << bit).astype(np.int64) for bit in range(8, 15))
    mantissa = (size >> (exponent + 3)) & 15
    sign = np.where(audio < 0, 0x80, 0)
    code: NDArray[np.int64] = ~(sign | (exponent << 4) | mantissa) & 0xFF
    return code.astype(np.uint8).tobytes()


def _mulaw_wav(audio: Samples) -> bytes:
    """A mono mu-law WAV file, which the wave module cannot write: it knows PCM only."""
    data = _mulaw_bytes(audio)
    layout = struct.pack("<HHIIHHH", MULAW_TAG, 1, TELEPHONE_RATE, TELEPHONE_RATE, 1, 8, 0)
    chunks = b"".join(
        tag + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
        for tag, body in (
            (b"fmt ", layout),
            (b"fact", struct.pack("<I", len(data))),
            (b"data", data),
        )
    )
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def _pcm_wav(audio: Samples) -> bytes:
    """A 16-bit PCM WAV file from audio shaped (length, channels)."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(audio.shape[1])
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(np.clip(audio, -FULL_SCALE, FULL_SCALE - 1).astype("<i2").tobytes())
    return buffer.getvalue()


def _turn(line: Line, spoken: Spoken, begin: float) -> dict[str, Any]:
    """One turn of the truth, for a sentence whose audio begins `begin` seconds into the file."""
    words = [
        {"text": text, "start": round(begin + start, 3), "end": round(begin + end, 3)}
        for text, start, end in spoken.words
    ]
    return {
        "speaker": line.voice,
        "channel": line.channel,
        "start": words[0]["start"],
        "end": words[-1]["end"],
        "text": line.text,
        "words": words,
    }


def _mix(sample: Sample, flite: Flite, seed: int) -> tuple[Samples, list[dict[str, Any]]]:
    """The sample's audio, shaped (length, channels) at RATE, and its turns."""
    placed, turns, clock = [], [], 0.0
    for line in sample.lines:
        spoken = flite.speak(line.voice, line.text)
        first = round((clock + line.gap - LEAD_SECONDS) * RATE)
        begin = first / RATE
        placed.append((first, line.channel, spoken.audio))
        turns.append(_turn(line, spoken, begin))
        clock = begin + spoken.words[-1][2]
    length = round((clock + sample.tail) * RATE)
    audio = _white_noise((length, sample.channels), sample.noise_dbfs, seed)
    for first, channel, speech in placed:
        audio[first : first + len(speech), channel] += speech
    return audio, turns


def _files(sample: Sample, flite: Flite, seed: int) -> dict[str, bytes]:
    """The two files of a sample by name: the audio and its truth."""
    audio, turns = _mix(sample, flite, seed)
    rate = RATE
    if sample.telephone:
        narrow = _to_telephone(audio[:, 0])
        rate, length, wav = TELEPHONE_RATE, len(narrow), _mulaw_wav(narrow)
    else:
        length, wav = len(audio), _pcm_wav(audio)
    truth = {
        "audio": f"{sample.name}.wav",
        "sha256": hashlib.sha256(wav).hexdigest(),
        "duration": round(length / rate, 3),
        "sampleRate": rate,
        "channels": sample.channels,
        "language": "en",
        "turns": turns,
    }
    text = json.dumps(truth, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    return {f"{sample.name}.wav": wav, f"{sample.name}.truth.json": text.encode()}


def make_all() -> dict[str, bytes]:
    """All files by name, as they belong in config/samples."""
    flite = Flite()
    files: dict[str, bytes] = {}
    for seed, sample in enumerate(SAMPLES, start=1):
        files.update(_files(sample, flite, seed))
    return files


def check(files: dict[str, bytes], folder: Path) -> list[str]:
    """The names of the files that are missing from `folder` or differ there."""
    return [
        name
        for name, content in files.items()
        if not (folder / name).is_file() or (folder / name).read_bytes() != content
    ]


def main() -> int:
    """Writes the files, or compares them with --check; returns the exit status."""
    parser = argparse.ArgumentParser(description="Make the spoken samples in config/samples.")
    parser.add_argument("--check", action="store_true", help="compare only, exit 1 on a difference")
    checking = parser.parse_args().check
    files = make_all()
    if not checking:
        SAMPLES_DIR.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (SAMPLES_DIR / name).write_bytes(content)
        return 0
    if differing := check(files, SAMPLES_DIR):
        print(
            f"config/samples differs from what hack/make_samples.py makes: {', '.join(differing)};"
            " run it without --check and commit the files.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
