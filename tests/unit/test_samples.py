"""The committed samples and their truth belong together."""

import hashlib
from pathlib import Path

import pytest
import soundfile

from dalston_bench.truth import load_truth

SAMPLES = sorted((Path(__file__).parents[2] / "config" / "samples").glob("*.wav"))


def test_the_samples_of_the_demo_are_there() -> None:
    assert {path.stem for path in SAMPLES} == {
        "long-pauses",
        "monologue",
        "noise",
        "telephone",
        "two-speakers",
    }


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_truth_describes_its_file(path: Path) -> None:
    truth = load_truth(path.with_suffix(".truth.json"))
    facts = soundfile.info(path)
    assert truth.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (truth.channels, truth.sample_rate) == (facts.channels, facts.samplerate)
    assert truth.duration == pytest.approx(facts.duration, abs=0.001)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_words_follow_each_other_inside_their_turn(path: Path) -> None:
    for turn in load_truth(path.with_suffix(".truth.json")).turns:
        times = [moment for word in turn.words for moment in (word.start, word.end)]
        assert times == sorted(times)
        assert turn.start <= times[0]
        assert times[-1] <= turn.end
        assert turn.text == " ".join(word.text for word in turn.words)
