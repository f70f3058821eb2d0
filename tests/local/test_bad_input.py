"""Input that cannot be transcribed: one sentence that says why, the right exit code, no leftovers.

Whatever is wrong with a file is the user's to put right: exit code 2. The job, where there is one,
carries the same sentence.
"""

import json
import os
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from local_command import SAMPLES, Ended, LocalHome
from sounds import encode, tone

MONOLOGUE = SAMPLES / "monologue.wav"
HUNDRED_HOURS = 360_000
WITHOUT_PRIVILEGE = (
    *("setpriv", "--bounding-set=-dac_override,-dac_read_search"),
    *("--inh-caps=-all", "--"),
)


def text_file(folder: Path) -> Path:
    path = folder / "text.wav"
    path.write_text("this is no sound at all\n" * 100)
    return path


def random_bytes(folder: Path) -> Path:
    path = folder / "random.mp3"
    path.write_bytes(np.random.default_rng(1).bytes(200_000))
    return path


def half_an_mp3(folder: Path) -> Path:
    """Its Xing header still promises the whole."""
    path = encode(folder / "half.mp3", tone(20), "libmp3lame", rate=44_100)
    content = path.read_bytes()
    assert b"Info" in content[:4096] or b"Xing" in content[:4096]
    path.write_bytes(content[: len(content) // 2])
    return path


def half_a_wav(folder: Path) -> Path:
    path = folder / "half.wav"
    content = MONOLOGUE.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def silent_film(folder: Path) -> Path:
    path = folder / "film.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        picture = np.zeros((32, 32, 3), np.uint8)
        for _ in range(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def no_samples(folder: Path) -> Path:
    path = folder / "nothing.wav"
    soundfile.write(path, np.zeros(0), 16_000)
    return path


def too_many_channels(folder: Path) -> Path:
    path = folder / "stadium.wav"
    soundfile.write(path, np.zeros((16_000, 33)), 16_000, subtype="PCM_16")
    return path


def header_of_100_hours(folder: Path) -> Path:
    """A WAV of 1 MB that claims to go on for 100 hours."""
    rate, size = 4000, HUNDRED_HOURS * 4000
    form = struct.pack(
        "<4sI4s4sIHHIIHH", b"RIFF", size + 36, b"WAVE", b"fmt ", 16, 1, 1, rate, rate, 1, 8
    )
    path = folder / "claim.wav"
    path.write_bytes(form + struct.pack("<4sI", b"data", size) + b"\x80" * 2**20)
    return path


def gap_of_100_hours(folder: Path) -> Path:
    """A Matroska file of a few seconds whose clock jumps."""
    return encode(folder / "gap.mkv", tone(4), "libopus", pauses=[(2.0, HUNDRED_HOURS)])


MEDIA = {
    text_file: "not audio or video that can be read",
    random_bytes: "",
    half_an_mp3: "cut short",
    half_a_wav: "cut short",
    silent_film: "no audio track",
    no_samples: "empty",
    too_many_channels: "33 channels",
    header_of_100_hours: "promises 360000.0 s",
    gap_of_100_hours: "longer than the limit of 24 h",
}


@pytest.mark.parametrize("make", MEDIA, ids=lambda make: make.__name__)
def test_media_that_cannot_be_read_is_the_users_to_put_right(home: LocalHome, make):
    path = make(home.folder)
    output = home.folder / "output"
    output.mkdir()
    ended = home.run("transcribe", path, "--model", "oracle", "--output", output / "text.txt")
    said = ended.assert_one_sentence(2)
    assert MEDIA[make] in said
    reason, message = home.failure()
    assert (f"{path}: {message}", reason) == (said, "StageFailed")
    assert list(output.iterdir()) == []


def missing(folder: Path) -> str:
    return f"there is no file {folder / 'bad'}"


def directory(folder: Path) -> str:
    (folder / "bad").mkdir()
    return f"{folder / 'bad'} is a directory"


def empty(folder: Path) -> str:
    (folder / "bad").touch()
    return f"{folder / 'bad'} is empty"


def pipe(folder: Path) -> str:
    os.mkfifo(folder / "bad")
    return f"{folder / 'bad'} is not a regular file"


def unreadable(folder: Path) -> str:
    (folder / "bad").write_bytes(MONOLOGUE.read_bytes())
    (folder / "bad").chmod(0)
    return f"{folder / 'bad'} may not be read: permission denied"


def link_to_nowhere(folder: Path) -> str:
    (folder / "bad").symlink_to(folder / "gone")
    return f"there is no file {folder / 'bad'}"


def link_to_itself(folder: Path) -> str:
    (folder / "bad").symlink_to(folder / "bad")
    return f"{folder / 'bad'} cannot be read: Too many levels of symbolic links"


NO_MEDIA = (missing, directory, empty, pipe, unreadable, link_to_nowhere, link_to_itself)


@pytest.mark.parametrize("make", NO_MEDIA, ids=lambda make: make.__name__)
def test_what_is_no_readable_file_is_refused_before_there_is_a_job(home: LocalHome, make):
    home.prefix = WITHOUT_PRIVILEGE if os.geteuid() == 0 else ()
    expected = make(home.folder)
    assert expected in home.run("transcribe", home.folder / "bad").assert_one_sentence(2)
    assert home.jobs() == []


def test_a_file_in_a_locked_folder_is_refused(home: LocalHome):
    home.prefix = WITHOUT_PRIVILEGE if os.geteuid() == 0 else ()
    locked = home.folder / "locked"
    locked.mkdir()
    (locked / "a.wav").write_bytes(MONOLOGUE.read_bytes())
    locked.chmod(0)
    said = home.run("transcribe", locked / "a.wav").assert_one_sentence(2)
    assert said == f"{locked / 'a.wav'} may not be read: permission denied"


def test_a_glob_that_matches_nothing_is_refused(home: LocalHome):
    pattern = home.folder / "*.wav"
    said = home.run("transcribe", pattern).assert_one_sentence(2)
    assert said == f"no file matches {pattern}"


def test_a_name_too_long_for_any_file_is_refused(home: LocalHome):
    said = home.run("transcribe", home.folder / f"{'a' * 300}.wav").assert_one_sentence(2)
    assert "File name too long" in said


def test_one_bad_file_does_not_spoil_the_others(home: LocalHome):
    bad = text_file(home.folder)
    ended = home.run("transcribe", bad, MONOLOGUE, "--model", "oracle", "--format", "txt")
    assert ended.exit_code == 2
    assert ended.stdout.startswith("the weather was cold")
    assert Ended(2, "", ended.stderr).assert_one_sentence(2).startswith(f"{bad}: ")


def test_every_bad_file_gets_its_sentence(home: LocalHome):
    bad = [text_file(home.folder), silent_film(home.folder)]
    ended = home.run("transcribe", *bad, "--model", "oracle")
    assert ended.exit_code == 2
    lines = ended.stderr.splitlines()
    assert [line.partition(": ")[2].partition(": ")[0] for line in lines] == [*map(str, bad)]


def test_audio_beyond_the_limit_is_refused(home: LocalHome):
    home.settings["DALSTON_MAX_AUDIO_SECONDS"] = "12"
    said = home.run("transcribe", MONOLOGUE, "--model", "oracle").assert_one_sentence(2)
    assert "longer than the limit" in said
    (listed,) = json.loads(home.run("jobs", "list", "--json").stdout)
    messages = {item["type"]: item["message"] for item in listed["status"]["conditions"]}
    assert f"{MONOLOGUE}: {messages['Failed']}" == said


def test_speakers_per_channel_need_two_channels(home: LocalHome):
    options = ("--model", "oracle", "--speakers", "per-channel")
    said = home.run("transcribe", MONOLOGUE, *options).assert_one_sentence(2)
    assert "at least 2 channels" in said
    assert said == f"{MONOLOGUE}: {home.failure()[1]}"


REFUSED = {
    "a model nobody knows": (["--model", "nobody"], "unknown model 'nobody'"),
    "a language the model cannot do": (
        ["--model", "pocketsphinx", "--language", "de"],
        "pocketsphinx does not know language 'de'",
    ),
    "a translation the model cannot do": (["--model", "oracle", "--translate"], "cannot translate"),
    "more speakers at least than at most": (
        ["--speakers", "diarize", "--min-speakers", "5", "--max-speakers", "2"],
        "",
    ),
    "what is no language": (["--language", "Klingon, please"], "language"),
    "no speaker at all": (["--speakers", "diarize", "--num-speakers", "0"], ""),
}


@pytest.mark.parametrize("case", REFUSED)
def test_options_that_nothing_can_serve_are_refused(home: LocalHome, case: str):
    options, expected = REFUSED[case]
    said = home.run("transcribe", MONOLOGUE, *options).assert_one_sentence(2)
    assert expected in said
    assert home.artifacts() == []
    if home.jobs():
        assert home.failure() == ("Refused", said.removeprefix(f"{MONOLOGUE}: "))


def test_strange_names_are_no_obstacle(home: LocalHome):
    names = ("späce %41 #?&.wav", "two\nlines.wav", os.fsdecode(b"\xff\xfe.wav"), "-x.wav")
    paths = [home.folder / name for name in names]
    for path in paths:
        path.write_bytes(MONOLOGUE.read_bytes())
    ended = home.run("transcribe", *paths, "--model", "oracle")
    assert ended.exit_code == 0, ended
    assert all(str(path) in ended.stdout for path in paths)
    for command in [home.start("jobs", "get", job.metadata.name) for job in home.jobs()]:
        assert command.ended().exit_code == 0
