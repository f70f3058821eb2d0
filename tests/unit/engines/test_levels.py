"""Loudness: facts of each channel, and stretches that are clearly more than noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sounds import RATE, sample, silence, tone, truth

from dalston_engines.audio.levels import FLOOR_DBFS, LevelMeter, loud_regions

FULL = 32_767


def pcm(values) -> np.ndarray:
    return np.asarray(values, np.int16)


def metered(*blocks: np.ndarray) -> LevelMeter:
    meter = LevelMeter()
    for block in blocks:
        meter.feed(block)
    return meter


def test_silence_is_at_the_floor():
    meter = metered(pcm(np.zeros(100)))
    assert (meter.rms_dbfs, meter.peak_dbfs, meter.clipped) == (FLOOR_DBFS, FLOOR_DBFS, 0)


def test_nothing_fed_is_silence():
    assert (metered().rms_dbfs, metered(pcm([])).peak_dbfs) == (FLOOR_DBFS, FLOOR_DBFS)


def test_a_sine_is_three_decibels_below_its_peak():
    meter = metered(pcm(tone(1.0, level=0.5) * 32_768))
    assert meter.peak_dbfs == pytest.approx(-6.02, abs=0.02)
    assert meter.rms_dbfs == pytest.approx(-9.03, abs=0.02)


def test_the_most_negative_sample_is_full_scale():
    meter = metered(pcm([-32_768]))
    assert (meter.peak_dbfs, meter.clipped) == (0.0, 1)


def test_clipped_samples_are_counted_at_both_ends():
    assert metered(pcm([FULL, FULL - 1, -FULL, -32_768, 0])).clipped == 3


@given(st.lists(st.integers(-32_768, 32_767), max_size=50), st.integers(0, 50))
def test_blocks_add_up(values: list[int], cut: int):
    whole, parts = metered(pcm(values)), metered(pcm(values[:cut]), pcm(values[cut:]))
    assert parts == whole


def test_nothing_is_loud_in_silence_nor_in_steady_noise():
    noise = np.random.default_rng(1).normal(0, 0.05, 5 * RATE).astype(np.float32)
    assert loud_regions(silence(5)) == ()
    assert loud_regions(noise) == ()


def test_a_sound_shorter_than_a_frame_is_nothing():
    assert loud_regions(tone(0.01)) == ()


def test_a_tone_in_silence_is_loud_for_as_long_as_it_lasts():
    sound = np.concatenate([silence(2), tone(1.5), silence(2)])
    ((start, end),) = loud_regions(sound)
    assert [start, end] == pytest.approx([2.0, 3.5])


def test_a_whisper_is_not_loud():
    assert loud_regions(np.concatenate([silence(2), tone(1, level=0.004), silence(2)])) == ()


def test_spoken_words_are_loud():
    loud = loud_regions(sample("monologue"))
    for turn in truth("monologue").turns:
        inside = [min(end, turn.end) - max(start, turn.start) for start, end in loud]
        assert sum(seconds for seconds in inside if seconds > 0) > 0.5 * (turn.end - turn.start)
