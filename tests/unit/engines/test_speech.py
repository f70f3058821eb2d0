"""Speech regions and windows, from probabilities."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from probability_tracks import quiet, talk, track

from dalston_engines.audio.speech import (
    JOIN,
    MAX_WINDOW,
    MIN_REST,
    MIN_SILENCE,
    MIN_SPEECH,
    MIN_WINDOW,
    PAD,
    Probabilities,
    Region,
    Track,
    Window,
    speech_regions,
    speech_windows,
)

UNSURE = 0.4
"""Between the probabilities at which speech begins and ends."""

PROBABILITIES = (0.05, 0.3, UNSURE, 0.6, 0.95)
RUNS = st.lists(
    st.tuples(st.integers(1, 30) | st.integers(1, 900), st.sampled_from(PROBABILITIES)),
    max_size=30,
)


def regions(*runs: tuple[int, float], carried: bool = False) -> list[tuple[int, int]]:
    found = speech_regions(Track(track(runs), carried))
    return [(region.start, region.end) for region in found]


def windows(probabilities: Probabilities, carried: bool = False) -> tuple[Window, ...]:
    whole = Track(probabilities, carried)
    return speech_windows(whole, speech_regions(whole))


def test_a_track_without_frames_has_no_speech():
    assert regions() == []
    assert windows(track([])) == ()


def test_speech_begins_and_ends_where_the_probability_says():
    assert regions(quiet(50), talk(40), quiet(50)) == [(50, 90)]


def test_unsure_frames_prolong_speech_but_never_begin_it():
    assert regions(quiet(9), talk(9), (20, UNSURE), quiet(9)) == [(9, 38)]
    assert regions(quiet(9), (20, UNSURE), talk(9), quiet(9)) == [(29, 38)]


def test_unsure_frames_after_a_forced_cut_are_still_speech():
    assert regions((20, UNSURE), quiet(9), carried=True) == [(0, 20)]
    assert regions((20, UNSURE), quiet(9)) == []


def test_a_blip_is_no_speech():
    assert regions(quiet(50), talk(MIN_SPEECH - 1), quiet(50)) == []


def test_a_blip_that_ends_what_was_cut_is_speech():
    assert regions(talk(1), quiet(50), carried=True) == [(0, 1)]
    assert regions(quiet(2), talk(1), quiet(50), carried=True) == [(0, 3)]


def test_a_dip_inside_speech_is_bridged():
    assert regions(talk(20), quiet(MIN_SILENCE - 1), talk(20)) == [(0, 40 + MIN_SILENCE - 1)]
    assert len(regions(talk(20), quiet(MIN_SILENCE), talk(20))) == 2


def test_a_window_holds_speech_with_padding():
    assert windows(track([quiet(50), talk(40), quiet(50)])) == (Window(50 - PAD, 90 + PAD),)


def test_padding_stays_inside_the_track():
    assert windows(track([talk(40)])) == (Window(0, 40),)


@pytest.mark.parametrize(("pause", "count"), [(JOIN - 1, 1), (JOIN, 2)])
def test_short_pauses_are_heard_in_one_window(pause: int, count: int):
    assert len(windows(track([talk(40), quiet(pause), talk(40)]))) == count


def test_speech_too_long_for_one_window_is_split_where_it_is_least_like_speech():
    found = windows(track([talk(500), (1, 0.55), talk(500)]))
    assert found == (
        Window(0, 500, forced_end=True),
        Window(500, 1001, forced_start=True),
    )


def test_a_split_leaves_enough_to_be_heard():
    # The least speech-like frame is the very last: a cut there would leave nothing to hear.
    found = windows(track([talk(MAX_WINDOW), (5, 0.6)]))
    assert found[-1].end - found[-1].start >= MIN_REST


def test_the_first_window_after_a_forced_cut_is_forced_too():
    assert windows(track([talk(40), quiet(50)]), carried=True) == (
        Window(0, 40 + PAD, forced_start=True),
    )


@given(RUNS, st.booleans())
def test_every_frame_of_speech_is_in_exactly_one_window(runs: list[tuple[int, float]], carried):
    probabilities = track(runs)
    owners = np.zeros(len(probabilities), int)
    for window in windows(probabilities, carried):
        owners[window.start : window.end] += 1
    assert owners.max(initial=0) <= 1
    for region in speech_regions(Track(probabilities, carried)):
        assert owners[region.start : region.end].all()


@given(RUNS)
def test_windows_are_in_order_and_no_longer_than_a_model_hears(runs: list[tuple[int, float]]):
    found = windows(track(runs))
    assert all(0 < window.end - window.start <= MAX_WINDOW for window in found)
    for left, right in pairwise(found):
        assert left.end <= right.start
        assert left.forced_end == right.forced_start == (left.end == right.start)
        assert not left.forced_end or left.end - left.start >= MIN_WINDOW


@given(RUNS)
def test_speech_is_where_somebody_surely_speaks(runs: list[tuple[int, float]]):
    probabilities = track(runs)
    for region in speech_regions(Track(probabilities)):
        assert isinstance(region, Region)
        assert probabilities[region.start] >= 0.5
        assert probabilities[region.end - 1] >= 0.35
