"""Prepare: any media becomes 16 kHz parts on the player's clock, cut where nobody speaks."""

import hashlib
import io
import json
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from sounds import RATE, Sound, encode, sample, silence, tone, truth, unbroken, write_wav
from stage_harness import SAMPLES, Stages, oracle, silero, write_truth

from dalston_crds.stage_messages import StageOptions, StageResult
from dalston_crds.v1alpha1 import Media, StageName
from dalston_engines.stages.part_documents import MediaDocument, PreparedPart, audio_name

PER_CHANNEL = {"tracks": "Channels", "speakers": {"mode": "PerChannel"}}
SPOKEN = [(turn.start, turn.end) for turn in truth("monologue").turns]
SECONDS = len(sample("monologue")) / RATE


def stages(folder: Path, source: Path, **options: Any) -> Stages:
    return Stages(folder, source, StageOptions(**options))


def prepared(folder: Path, source: Path, **options: Any) -> tuple[MediaDocument, Stages]:
    job = stages(folder, source, **options)
    return job.prepare(), job


def refused(folder: Path, source: Path, **options: Any) -> StageResult:
    job = stages(folder, source, **options)
    return job.run(job.request(StageName.PREPARE), silero())


def audio(job: Stages, part: int) -> Sound:
    artifacts = job.artifacts
    manifest = artifacts.finished(StageName.PREPARE, 0)
    content = artifacts.read(manifest, audio_name(part))
    samples, rate = soundfile.read(io.BytesIO(content), dtype="float32")
    assert rate == RATE
    return np.asarray(samples, np.float32)


def level(sound: Sound) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


def speech(part: PreparedPart) -> list[tuple[float, float]]:
    return [(region.start, region.end) for region in part.regions]


def assert_speech(part: PreparedPart, wanted: Sequence[tuple[float, float]]) -> None:
    assert np.array(speech(part)) == pytest.approx(np.array(wanted), abs=0.15)


FORMATS = [
    ("a.wav", "pcm_s16le", 44_100, "wav", "pcm_s16le"),
    ("a.wav", "pcm_f32le", 48_000, "wav", "pcm_f32le"),
    ("a.mp3", "mp3", 44_100, "mp3", "mp3float"),
    ("a.m4a", "aac", 48_000, "mov", "aac"),
    ("a.ogg", "libopus", 48_000, "ogg", "opus"),
    ("a.flac", "flac", 96_000, "flac", "flac"),
    ("a.webm", "libopus", 48_000, "matroska", "opus"),
    ("a.mka", "aac", 22_050, "matroska", "aac"),
    ("a.aac", "aac", 32_000, "aac", "aac"),
    ("a.aiff", "pcm_s16be", 16_000, "aiff", "pcm_s16be"),
    ("a.ts", "aac", 48_000, "mpegts", "aac"),
    ("a.avi", "mp3", 44_100, "avi", "mp3float"),
]


@pytest.mark.parametrize(("name", "encoder", "rate", "container", "codec"), FORMATS)
def test_a_format_is_decoded_on_time(tmp_path: Path, name, encoder, rate, container, codec):
    source = encode(tmp_path / name, sample("monologue"), encoder, rate)
    media, job = prepared(tmp_path, source)
    assert media.media == Media(
        container=container,
        codec=codec,
        channels=1,
        sample_rate_hertz=rate,
        duration_milliseconds=media.media.duration_milliseconds,
        speech_milliseconds=media.media.speech_milliseconds,
        bytes=source.stat().st_size,
        sha256=hashlib.sha256(source.read_bytes()).hexdigest(),
    )
    assert media.media.duration_milliseconds == pytest.approx(SECONDS * 1000, abs=70)
    assert_speech(job.part(0), SPOKEN)
    assert media.damaged_packets == 0


def test_the_sound_of_a_video_is_decoded(tmp_path: Path):
    source = encode(tmp_path / "a.mp4", sample("monologue"), "aac", video=True)
    media, job = prepared(tmp_path, source)
    assert (media.media.container, media.media.codec) == ("mov", "aac")
    assert_speech(job.part(0), SPOKEN)


def test_telephone_sound_stays_on_time(tmp_path: Path):
    media, job = prepared(tmp_path, SAMPLES / "telephone.wav")
    facts = media.media
    assert (facts.codec, facts.channels, facts.sample_rate_hertz) == ("pcm_mulaw", 1, 8000)
    wanted = [(turn.start, turn.end) for turn in truth("telephone").turns]
    assert_speech(job.part(0), wanted)


def test_audio_is_written_sample_for_sample(tmp_path: Path):
    _, job = prepared(tmp_path, SAMPLES / "monologue.wav")
    assert (audio(job, 0) == sample("monologue")).all()


@pytest.mark.parametrize(("name", "encoder"), [("a.mka", "flac"), ("a.webm", "libopus")])
def test_a_gap_in_the_containers_clock_becomes_silence(tmp_path: Path, name: str, encoder: str):
    source = encode(tmp_path / name, sample("monologue"), encoder, pauses=[(7.0, 5.0)])
    media, job = prepared(tmp_path, source)
    assert media.media.duration_milliseconds == pytest.approx((SECONDS + 5) * 1000, abs=50)
    late = [(start + 5.0, end + 5.0) for start, end in SPOKEN[2:]]
    assert_speech(job.part(0), [*SPOKEN[:2], *late])
    assert level(audio(job, 0)[round(7.1 * RATE) : round(11.9 * RATE)]) < 1e-4


def test_a_long_gap_is_written_in_bounded_pieces_and_split_into_shards(tmp_path: Path):
    source = encode(tmp_path / "a.mka", sample("monologue"), "flac", pauses=[(7.0, 60.0)])
    media, job = prepared(tmp_path, source, shard_seconds=20)
    assert len(media.parts) > 2
    found = [region for part in job.parts() for region in speech(part)]
    late = [(start + 60.0, end + 60.0) for start, end in SPOKEN[2:]]
    assert np.array(found) == pytest.approx(np.array([*SPOKEN[:2], *late]), abs=0.15)


def test_files_glued_together_at_another_rate_are_read_on(tmp_path: Path):
    one = encode(tmp_path / "one.mp3", sample("monologue"), "mp3", rate=44_100)
    two = encode(tmp_path / "two.mp3", sample("monologue"), "mp3", rate=16_000)
    both = tmp_path / "both.mp3"
    both.write_bytes(one.read_bytes() + two.read_bytes())
    media, job = prepared(tmp_path, both)
    assert media.media.duration_milliseconds == pytest.approx(2000 * SECONDS, abs=200)
    assert len(job.part(0).regions) == 2 * len(SPOKEN)


def stereo(left: Sound, right: Sound) -> Sound:
    return np.stack([left, right], axis=1)


def mix(folder: Path, channels: Sound) -> Sound:
    _, job = prepared(folder, write_wav(folder / "mix.wav", channels))
    return audio(job, 0)


def test_the_mix_holds_every_active_channel(tmp_path: Path):
    mixed = mix(tmp_path, sample("two-speakers"))
    assert np.abs(mixed - sample("two-speakers").mean(axis=1)).max() < 1e-4


def test_channels_that_cancel_out_are_heard_by_the_loudest(tmp_path: Path):
    sound = sample("monologue")
    mixed = mix(tmp_path, stereo(0.5 * sound, -sound))
    assert np.abs(mixed + sound).max() < 1e-4


def test_a_dead_channel_is_not_averaged_in(tmp_path: Path):
    sound = sample("monologue")
    assert np.abs(mix(tmp_path, stereo(sound, 0 * sound)) - sound).max() < 1e-4


def test_32_channels_are_mixed_and_told_apart(tmp_path: Path):
    sound = sample("monologue")
    channels = np.zeros((len(sound), 32), np.float32)
    channels[:, 31] = sound
    source = write_wav(tmp_path / "a.wav", channels)
    media, job = prepared(tmp_path, source)
    assert media.media.channels == len(media.levels) == 32
    assert_speech(job.part(0), SPOKEN)
    (tmp_path / "per channel").mkdir()
    media, job = prepared(tmp_path / "per channel", source, **PER_CHANNEL)
    assert [part.channel for part in job.parts() if part.regions] == [31]
    assert media.media.speech_milliseconds == pytest.approx(10_000, abs=500)


def test_parts_are_numbered_by_shard_with_its_channels_side_by_side(tmp_path: Path):
    sound = np.concatenate([sample("two-speakers")] * 4)
    media, job = prepared(
        tmp_path, write_wav(tmp_path / "a.wav", sound), shard_seconds=20, **PER_CHANNEL
    )
    parts = job.parts()
    assert media.tracks == (0, 1)
    assert [part.part for part in parts] == list(range(len(parts)))
    assert [part.channel for part in parts] == [0, 1] * (len(parts) // 2)
    for left, right in pairwise(parts):
        same_shard = right.channel == 1
        assert right.start == (left.start if same_shard else left.end)
    entries = [(part.channel, part.start, part.end) for part in parts]
    assert [(part.channel, part.start, part.end) for part in media.parts] == entries


def test_shards_are_cut_in_silences(tmp_path: Path):
    sound = np.concatenate([sample("long-pauses")] * 5)
    media, job = prepared(tmp_path, write_wav(tmp_path / "a.wav", sound), shard_seconds=15)
    parts = job.parts()
    assert len(parts) > 4
    assert sum(len(part.regions) for part in parts) == 5 * len(truth("long-pauses").turns)
    for left, right in pairwise(parts):
        assert not left.forced_end
        assert left.regions[-1].end + 0.2 < left.end == right.start < right.regions[0].start - 0.2
        assert right.audio_start == right.start
    whole = np.concatenate([audio(job, part.part) for part in parts])
    assert (whole == sound).all()
    assert media.media.duration_milliseconds == round(len(sound) / RATE * 1000)


def test_parts_on_both_sides_of_a_forced_cut_hear_two_seconds_around_it(tmp_path: Path):
    sound, _ = unbroken(100)
    _, job = prepared(tmp_path, write_wav(tmp_path / "a.wav", sound), shard_seconds=60)
    left, right = job.parts()
    assert left.forced_end
    assert right.forced_start
    assert left.end == right.start
    assert left.windows[-1].heard[1] - right.windows[0].heard[0] == pytest.approx(2.0, abs=0.05)
    heard_left, heard_right = audio(job, 0), audio(job, 1)
    left_end = left.audio_start + len(heard_left) / RATE
    assert left_end - right.audio_start == pytest.approx(2.0, abs=0.05)
    overlap = round((left_end - right.audio_start) * RATE)
    assert (heard_left[-overlap:] == heard_right[:overlap]).all()


def test_no_word_is_lost_at_forced_cuts_whatever_the_shards(tmp_path: Path):
    sound, said = unbroken(130)
    source = write_wav(tmp_path / "a.wav", sound)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    words = [{"text": w.text, "start": w.start, "end": w.end} for w in said]
    truth_file = {"sha256": digest, "language": "en", "turns": [{"channel": 0, "words": words}]}
    (tmp_path / "a.truth.json").write_text(json.dumps(truth_file))
    texts = []
    for shard in (10, 25, 60, 300):
        (folder := tmp_path / str(shard)).mkdir()
        job = stages(folder, source, shard_seconds=shard)
        texts.append(job.document(oracle(folder, truth=[tmp_path])).text)
    assert texts == [" ".join(word.text for word in said)] * 4


def test_levels_are_facts_of_each_channel(tmp_path: Path):
    loud = np.concatenate([1.2 * tone(1.0, level=1.0), silence(3.0)])
    source = write_wav(tmp_path / "a.wav", stereo(loud, 0.1 * np.clip(loud, -1, 1)))
    media, _ = prepared(tmp_path, source)
    first, second = media.levels
    assert (first.channel, second.channel) == (0, 1)
    assert first.peak_dbfs == pytest.approx(0.0, abs=0.01)
    assert second.peak_dbfs == pytest.approx(-20.0, abs=0.1)
    assert second.rms_dbfs == pytest.approx(-20 - 3 - 6 + 0.9, abs=0.5)
    assert first.clipped_samples > 1000
    assert second.clipped_samples == 0


def test_a_clipped_recording_is_a_warning_in_the_document(tmp_path: Path):
    source = write_wav(tmp_path / "a.wav", np.clip(30 * sample("monologue"), -1, 1))
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    known = write_truth(source, digest, [(0, [("word", 1.0, 1.5)])])
    found = stages(tmp_path, source).document(oracle(tmp_path, truth=[known]))
    reasons = [warning.reason for warning in found.metadata.pipeline_warnings]
    assert "Clipping" in reasons


def test_a_silent_file_is_one_part_with_a_warning(tmp_path: Path):
    source = write_wav(tmp_path / "a.wav", silence(3.0))
    job = stages(tmp_path, source)
    result = job.run(job.request(StageName.PREPARE), silero())
    assert [warning.reason for warning in result.warnings] == ["NoSpeech"]
    assert (result.exit_code, result.parts) == (0, 1)
    assert job.part(0).windows == ()


def test_damaged_packets_are_a_warning(tmp_path: Path):
    source = encode(tmp_path / "a.flac", sample("monologue"), "flac")
    content = bytearray(source.read_bytes())
    for place in range(len(content) // 2, len(content) // 2 + 20_000, 7):
        content[place] ^= 0x5A
    source.write_bytes(content)
    media, job = prepared(tmp_path, source)
    facts = job.artifacts.finished(StageName.PREPARE, 0).facts
    assert [warning.reason for warning in facts.warnings] == ["DamagedAudio"]
    assert media.damaged_packets > 0
    assert media.media.duration_milliseconds == round(SECONDS * 1000)


CUT_SHORT = ["a.wav", "a.flac", "a.mp3", "a.mka", "a.webm", "a.aiff"]
ENCODERS = {"wav": "pcm_s16le", "aiff": "pcm_s16be", "mka": "aac", "webm": "libopus"}


@pytest.mark.parametrize("name", CUT_SHORT)
def test_a_file_cut_short_is_refused(tmp_path: Path, name: str):
    kind = name.partition(".")[2]
    source = encode(tmp_path / name, sample("monologue"), ENCODERS.get(kind, kind))
    content = source.read_bytes()
    source.write_bytes(content[: len(content) // 2])
    result = refused(tmp_path, source)
    assert result.exit_code == 65
    assert re.search(r"cut short: its header promises 13\.\d s .* only 6\.\d s", result.message)


def test_a_wav_of_unknown_length_is_read_to_its_end(tmp_path: Path):
    source = write_wav(tmp_path / "a.wav", sample("monologue"))
    content = bytearray(source.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = b"\xff\xff\xff\xff"
    source.write_bytes(content)
    media, _ = prepared(tmp_path, source)
    assert media.media.duration_milliseconds == round(SECONDS * 1000)


def text(path: Path) -> None:
    path.write_text("this is not audio " * 100)


def playlist(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n")


def session(path: Path) -> None:
    path.write_text("v=0\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n")


def concatenation(path: Path) -> None:
    path.write_text("ffconcat version 1.0\nfile /etc/passwd\n")


def without_samples(path: Path) -> None:
    write_wav(path.with_suffix(".wav"), silence(0.0)).rename(path)


def with_too_many_channels(path: Path) -> None:
    write_wav(path.with_suffix(".wav"), np.zeros((RATE, 33), np.float32)).rename(path)


def with_changing_channels(path: Path) -> None:
    one = encode(path.with_name("one.mp3"), sample("monologue"), "mp3", rate=16_000)
    two = encode(path.with_name("two.mp3"), sample("two-speakers"), "mp3", rate=16_000)
    path.write_bytes(one.read_bytes() + two.read_bytes())


def without_sound(path: Path) -> None:
    with av.open(path.with_suffix(".mp4"), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    path.with_suffix(".mp4").rename(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (text, "this is not audio or video that can be read; supported are wav"),
        (playlist, "this is not audio or video that can be read"),
        (session, "this is not audio or video that can be read"),
        (concatenation, "this is not audio or video that can be read"),
        (without_samples, "the audio track is empty: it holds no samples"),
        (without_sound, "the file has no audio track"),
        (with_too_many_channels, "the audio has 33 channels; at most 32 are supported"),
        (with_changing_channels, "the number of channels changes from 1 to 2 inside the file"),
    ],
)
def test_what_is_no_audio_we_take_is_refused_in_words(tmp_path: Path, make, message: str):
    make(tmp_path / "source")
    result = refused(tmp_path, tmp_path / "source")
    assert result.exit_code == 65
    assert message in result.message


def test_too_long_audio_is_refused(tmp_path: Path):
    result = refused(tmp_path, SAMPLES / "monologue.wav", max_audio_seconds=10)
    assert result.exit_code == 65
    assert "longer than the limit" in result.message


def test_speakers_per_channel_need_two_channels(tmp_path: Path):
    result = refused(tmp_path, SAMPLES / "monologue.wav", **PER_CHANNEL)
    assert result.exit_code == 65
    assert "needs at least 2 channels and the audio is mono" in result.message


def test_a_job_without_a_source_is_refused(tmp_path: Path):
    job = stages(tmp_path, SAMPLES / "monologue.wav")
    request = job.request(StageName.PREPARE)
    without = request.model_copy(update={"options": StageOptions()})
    result = job.run(without, silero())
    assert (result.exit_code, result.message) == (65, "the job names no source")


@pytest.mark.parametrize("seed", range(3))
def test_garbage_never_crashes(tmp_path: Path, seed: int):
    chaos = np.random.default_rng(seed)
    source = encode(tmp_path / "a.mp3", sample("monologue"), "mp3")
    content = bytearray(source.read_bytes())
    for place in chaos.integers(0, len(content), 2000):
        content[place] = chaos.integers(256)
    source.write_bytes(content)
    assert refused(tmp_path, source).exit_code in (0, 65)
