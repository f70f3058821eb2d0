"""Where a file is cut, and that the cuts do not change what is heard."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from probability_tracks import Runs, quiet, shards, talk, track, windows

from dalston_engines.audio.shards import SLACK, Shard, frames_needed, next_shard
from dalston_engines.audio.speech import JOIN, MAX_WINDOW, Track, Window, frames

TARGET = frames(60)
LOW, HIGH = round(TARGET * (1 - SLACK)), round(TARGET * (1 + SLACK))
ARRIVING = st.sampled_from([1, 40, 313, 100_000])


@st.composite
def conversations(draw: st.DrawFn) -> Runs:
    """Tracks of several shards with pauses around the lengths that decide something."""
    pause = st.integers(1, draw(st.sampled_from([5, 14, 18, 40])))
    hush = st.sampled_from([0.05, 0.3, 0.34, 0.4, 0.45])
    speech = st.integers(1, draw(st.sampled_from([8, 60, 800])))
    voice = st.sampled_from([0.55, 0.7, 0.95])
    turn = st.tuples(st.tuples(speech, voice), st.tuples(pause, hush))
    turns = draw(st.lists(turn, min_size=4, max_size=12))
    repeats = draw(st.integers(1, 60))
    return [run for pair in turns for run in pair] * min(repeats, 1 + 9000 // _length(turns))


def _length(turns: list[tuple[tuple[int, float], tuple[int, float]]]) -> int:
    return sum(count for turn in turns for count, _ in turn)


def cut(*runs: tuple[int, float]) -> Shard:
    probabilities = track([*runs, quiet(frames_needed(TARGET))])
    return next_shard([Track(probabilities)], TARGET)


def test_a_short_file_is_one_shard():
    only = shards([track([talk(HIGH)])], TARGET, 313)
    assert [shard.end for shard in only] == [HIGH]


def test_a_cut_lies_in_the_middle_of_the_longest_silence_near_the_target():
    shard = cut(talk(LOW + 50), quiet(30), talk(100), quiet(60), talk(2000))
    assert (shard.end, shard.forced) == (LOW + 180 + 30, False)


def test_a_silence_far_from_the_target_is_not_used():
    shard = cut(talk(LOW - 200), quiet(100), talk(200), quiet(20), talk(2000))
    assert (shard.end, shard.forced) == (LOW + 100 + 10, False)


def test_everybody_must_be_silent_at_a_cut():
    quiet_one = track([talk(LOW + 50), quiet(200), talk(4000)])
    talker = track([talk(LOW + 150), quiet(200), talk(4000)])
    length = min(len(quiet_one), len(talker))
    shard = next_shard([Track(quiet_one[:length]), Track(talker[:length])], TARGET)
    assert (shard.end, shard.forced) == (LOW + 200, False)


def test_where_nobody_pauses_the_cut_lies_where_a_window_would_end_anyway():
    shard = cut(talk(5000))
    share = shard.tracks[0]
    assert shard.forced
    assert share.carries
    assert LOW <= shard.end <= HIGH
    assert share.windows[-1].forced_end
    assert share.windows[-1].end == shard.end
    assert share.windows[-1].end - share.windows[-1].start < MAX_WINDOW


def test_a_silent_track_carries_nothing_over_a_forced_cut():
    talker, silent = track([talk(5000)]), track([quiet(5000)])
    shard = next_shard([Track(talker), Track(silent)], TARGET)
    assert shard.forced
    assert [share.carries for share in shard.tracks] == [True, False]
    assert shard.tracks[1].windows == ()


@pytest.mark.parametrize(("pause", "forced"), [(JOIN - 1, True), (JOIN, False)])
def test_a_pause_that_ends_a_window_is_pause_enough(pause: int, forced: bool):
    assert cut(talk(TARGET), quiet(pause), talk(TARGET)).forced is forced


@given(conversations(), ARRIVING)
@example([(1594, 0.7), (3, 0.3), (7, 0.9), (15, 0.3), (3000, 0.9)], 313)
def test_windows_do_not_depend_on_where_shards_begin(runs: Runs, arriving: int):
    whole = track(runs)
    assert windows(shards([whole], TARGET, arriving)) == windows(shards([whole], 10**6, arriving))


@given(conversations(), ARRIVING)
def test_no_window_reaches_over_a_cut(runs: Runs, arriving: int):
    for shard in shards([track(runs)], TARGET, arriving):
        for window in shard.tracks[0].windows:
            assert window.end <= shard.end
            assert not (window.end == shard.end and window.forced_end) or shard.forced


@given(conversations(), conversations(), ARRIVING)
def test_shards_of_two_tracks_cover_all_speech_of_both(one: Runs, other: Runs, arriving: int):
    tracks = [track(one), track(other)]
    length = min(map(len, tracks))
    tracks = [item[:length] for item in tracks]
    made = shards(tracks, TARGET, arriving)
    assert sum(shard.end for shard in made) == length
    for number, probabilities in enumerate(tracks):
        found = windows(made, number)
        assert all(left.end <= right.start for left, right in pairwise(found))
        assert owned(windows(shards([probabilities], 10**6, 10**6))) <= owned(found)


def owned(found: list[Window]) -> set[int]:
    return {frame for window in found for frame in range(window.start, window.end)}


@given(conversations(), ARRIVING)
def test_shards_are_about_as_long_as_asked(runs: Runs, arriving: int):
    made = shards([track(runs)], TARGET, arriving)
    assert all(LOW <= shard.end <= HIGH for shard in made[:-1])
    assert made[-1].end <= HIGH
    assert not made[-1].forced
