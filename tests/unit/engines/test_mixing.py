"""The mono mix: every active channel, at its own level, even where channels cancel out."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sounds import tone

from dalston_engines.audio.mixing import Mixer

BLOCK = 16_000


def pcm(sound: np.ndarray) -> NDArray[np.int16]:
    samples: NDArray[np.int16] = np.rint(sound * 32_767).astype(np.int16)
    return samples


def block(*channels: np.ndarray) -> np.ndarray:
    return np.stack([pcm(channel) for channel in channels], axis=1)


def loudness(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples.astype(np.float64)))))


LOW, HIGH = tone(1.0, 200.0), tone(1.0, 900.0)
NOTHING = np.zeros(BLOCK, np.float32)


def test_mono_passes_unchanged():
    assert (Mixer().mix(block(LOW)) == pcm(LOW)).all()


def test_the_mix_is_the_mean_of_the_active_channels():
    mixed = Mixer().mix(block(LOW, HIGH))
    assert np.abs(mixed - (pcm(LOW) / 2 + pcm(HIGH) / 2)).max() <= 1


def test_a_dead_channel_does_not_halve_the_other():
    assert (Mixer().mix(block(LOW, NOTHING)) == pcm(LOW)).all()
    hiss = 0.0005 * HIGH
    assert (Mixer().mix(block(LOW, hiss)) == pcm(LOW)).all()


def test_of_channels_that_cancel_out_the_loudest_is_taken():
    mixed = Mixer().mix(block(0.8 * LOW, -LOW))
    assert (mixed == -pcm(LOW)).all()


def test_silence_stays_silence():
    assert not Mixer().mix(block(NOTHING, NOTHING)).any()


def test_many_channels_are_mixed_without_overflow():
    mixed = Mixer().mix(block(*[np.ones(BLOCK, np.float32)] * 32))
    assert (mixed == 32_767).all()


def test_a_channel_is_not_forgotten_when_it_pauses():
    mixer = Mixer()
    mixer.mix(block(LOW, HIGH))
    paused = mixer.mix(block(LOW, NOTHING))
    assert loudness(paused) == pytest.approx(loudness(pcm(LOW)) / 2, rel=0.01)


def test_channels_that_speak_in_turn_are_both_heard():
    mixer = Mixer()
    for _ in range(5):
        assert loudness(mixer.mix(block(LOW, NOTHING))) > 0.4 * loudness(pcm(LOW))
        assert loudness(mixer.mix(block(NOTHING, HIGH))) > 0.4 * loudness(pcm(HIGH))
