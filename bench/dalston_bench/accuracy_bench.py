"""Word error rate and word-time error on the committed samples, by the default engine."""

from collections.abc import Iterator
from pathlib import Path

from dalston_bench.command import transcribe
from dalston_bench.long_audio import SAMPLES
from dalston_bench.measurement import Figure, at_most
from dalston_bench.scoring import word_error_rate, word_time_error
from dalston_bench.truth import Word, load_truth

NAME = "accuracy"


def run(folder: Path) -> Iterator[Figure]:
    """Every sample in one command."""
    files = sorted(SAMPLES.glob("*.wav"))
    done = transcribe(folder / "accuracy", files)
    for number, path in enumerate(files):
        truth = load_truth(path.with_suffix(".truth.json"))
        document = done.transcript(number)
        words = [
            Word(word["text"], word["start"], word["end"])
            for segment in document["segments"]
            for word in segment["words"]
        ]
        errors = word_error_rate(truth.text(), document["text"])
        times = word_time_error(truth.words(), words)
        yield at_most(NAME, f"{path.stem}: word error rate", 100 * errors.rate, "%", 5)
        yield at_most(NAME, f"{path.stem}: word start error", 1000 * times.start_mean, "ms", 50)
