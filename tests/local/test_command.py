"""The command as a user meets it: what it prints, where it writes, what it refuses."""

import json
import os
import pty
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import yaml
from local_command import SAMPLES, SLOW, Ended, LocalHome, wait_until
from long_audio import Recording

NOISE = SAMPLES / "noise.wav"
ORACLE = ("--model", "oracle")
ENGINE = Path(__file__).parents[1] / "engines" / "oracle" / "dalston_oracle"
TEXT = (
    "there was a long line of people outside the store"
    " nobody knows what will happen after the election"
)
UNDER_UMASK = ("sh", "-c", 'umask 077; exec "$@"', "sh")
HELP = (
    (),
    ("transcribe",),
    ("explain",),
    ("doctor",),
    ("jobs",),
    *(("jobs", name) for name in ("list", "get", "cancel", "resume", "retry", "delete")),
    ("engines",),
    *(("engines", name) for name in ("list", "show", "validate")),
)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalHome, Ended]:
    """A home with one finished job that tests only look at, and how its command ended."""
    home = LocalHome(tmp_path_factory.mktemp("done"))
    home.oracle()
    return home, home.run("transcribe", NOISE, *ORACLE)


def only_job(home: LocalHome) -> str:
    (job,) = home.jobs()
    return job.metadata.name


def test_a_transcript_is_printed_for_people(done: tuple[LocalHome, Ended]):
    _, ended = done
    assert (ended.exit_code, ended.stderr) == (0, "")
    heading, *lines = ended.stdout.splitlines()
    assert heading == f"{NOISE}  (8.1 s, mono, language unknown, oracle)"
    assert " ".join(line.rpartition("  ")[2] for line in lines) == TEXT


def test_every_form_is_the_same_in_a_file_and_on_stdout(tmp_path: Path):
    homes = {form: LocalHome(tmp_path / form) for form in ("txt", "srt", "vtt", "json")}
    commands = []
    for form, home in homes.items():
        home.folder.mkdir()
        home.oracle()
        words = (NOISE, *ORACLE, "--format", form, "--output", home.folder / "text")
        commands.append(home.start("transcribe", *words))
    assert [command.ended() for command in commands] == [Ended(0, "", "")] * 4
    for form, home in homes.items():
        shown = home.run("jobs", "get", only_job(home), "--format", form)
        assert shown == Ended(0, (home.folder / "text").read_text("utf-8"), "")
        assert shown.stdout.endswith("\n")
        assert "nobody knows what will happen" in shown.stdout.replace("\n", " ")


def test_text_is_the_same_on_stdout_through_a_pipe_and_through_a_link(home: LocalHome):
    target, link, pipe = (home.folder / name for name in ("target", "link", "pipe"))
    link.symlink_to(target)
    os.mkfifo(pipe)
    heard: list[str] = []
    listener = Thread(target=lambda: heard.append(pipe.read_text()))
    listener.start()
    assert home.run("transcribe", NOISE, *ORACLE, "--output", pipe) == Ended(0, "", "")
    listener.join()
    home.prefix = UNDER_UMASK
    assert home.run("transcribe", NOISE, *ORACLE, "--output", link) == Ended(0, "", "")
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o600
    printed = home.run("transcribe", NOISE, *ORACLE, "--format", "txt")
    assert printed == Ended(0, f"{TEXT}\n", "")
    assert [target.read_text()] == heard == [printed.stdout]


def test_an_output_that_could_not_be_written_is_refused_at_once(home: LocalHome):
    folder, twin = home.folder / "folder", home.folder / "twin" / NOISE.name
    folder.mkdir()
    twin.parent.mkdir()
    twin.write_bytes(NOISE.read_bytes())
    file = home.folder / "file"
    file.touch()
    refused = {
        (NOISE, "--output", home.folder / "missing" / "text"): "there is no folder",
        (NOISE, file, "--output", file): "is a file, but several results need a folder",
        (NOISE, "--json", "--output", folder): "is a folder, but --json writes one file",
        (NOISE, twin, "--output", folder): f"{NOISE} and {twin} would both become",
        (NOISE, "--output", file / "text"): "there is no folder",
    }
    file.write_text("not empty")
    commands = {home.start("transcribe", *words): said for words, said in refused.items()}
    for command, said in commands.items():
        assert said in command.ended().assert_one_sentence(2)
    assert home.jobs() == []


def test_jobs_are_listed(done: tuple[LocalHome, Ended]):
    home, _ = done
    heading, row = home.run("jobs", "list").stdout.splitlines()
    assert heading.split() == ["NAME", "FILE", "MODEL", "STATE", "PROGRESS", "CREATED"]
    assert row.split()[:6] == [only_job(home), "noise.wav", "oracle", "Complete", "100", "%"]
    (job,) = json.loads(home.run("jobs", "list", "--json").stdout)
    assert job["metadata"]["name"] == only_job(home)
    assert job["status"]["progress"] == 1000


def test_a_job_is_shown(done: tuple[LocalHome, Ended]):
    home, ended = done
    name = only_job(home)
    shown = home.run("jobs", "get", name).stdout
    assert shown.startswith(f"{name}  Complete  {NOISE}\n")
    assert shown.endswith(ended.stdout)
    assert json.loads(home.run("jobs", "get", name, "--json").stdout)["metadata"]["name"] == name


@pytest.mark.parametrize("verb", ["get", "cancel", "resume", "retry", "delete"])
def test_a_job_that_does_not_exist_is_named(done: tuple[LocalHome, Ended], verb: str):
    said = done[0].run("jobs", verb, "nobody").assert_one_sentence(2)
    assert said == "there is no job nobody; see: dalston jobs list"


def test_an_ended_job_is_neither_cancelled_nor_resumed_nor_tried_again(
    done: tuple[LocalHome, Ended],
):
    home, _ = done
    (before,) = home.jobs()
    name = before.metadata.name
    for command in [home.start("jobs", verb, name) for verb in ("cancel", "resume", "retry")]:
        assert name in command.ended().assert_one_sentence(2)
    assert home.jobs() == [before]


def test_a_job_that_was_cut_off_is_resumed(home: LocalHome, recording: Recording):
    home.settings["DALSTON_SHARD_SECONDS"] = "10"
    home.oracle(recording.folder, speed=SLOW)
    command = home.start("transcribe", recording.path, *ORACLE)
    wait_until(lambda: home.manifests("transcribe"))
    command.kill()
    sealed = home.manifests()
    home.oracle(recording.folder)
    resumed = home.run("jobs", "resume", only_job(home))
    _, *lines = resumed.stdout.splitlines()
    assert " ".join(line.rpartition("  ")[2] for line in lines) == recording.text
    assert sealed.items() <= home.manifests().items()


def test_a_failed_job_is_tried_again_from_its_finished_stages(home: LocalHome):
    home.oracle(crash={"after": 0, "how": "raise"})
    home.run("transcribe", NOISE, *ORACLE).assert_one_sentence(1)
    name, sealed = only_job(home), home.manifests("prepare")
    assert len(sealed) == 1
    home.run("jobs", "get", name, "--format", "txt").assert_one_sentence(1)
    home.oracle()
    retried = home.run("jobs", "retry", name)
    assert (retried.exit_code, retried.stderr) == (0, "")
    assert home.manifests("prepare") == sealed


def test_a_job_is_deleted_with_its_artifacts(home: LocalHome):
    home.run("transcribe", NOISE, *ORACLE)
    name = only_job(home)
    assert home.artifacts() != []
    assert home.run("jobs", "delete", name) == Ended(0, f"{name}: deleted\n", "")
    assert home.jobs() == []
    assert home.artifacts() == []


def test_a_running_job_is_not_deleted(home: LocalHome):
    home.oracle(speed=0.01)
    home.start("transcribe", NOISE, *ORACLE)
    wait_until(lambda: home.manifests("prepare"))
    said = home.run("jobs", "delete", only_job(home)).assert_one_sentence(2)
    assert "running in another command" in said
    assert home.manifests("prepare")


def test_a_finished_job_runs_again_and_leaves_nothing_of_its_first_run(home: LocalHome):
    first = home.run("transcribe", NOISE, *ORACLE)
    windows, artifacts = len(home.windows()), home.artifacts()
    assert home.run("transcribe", NOISE, *ORACLE) == first
    assert len(home.windows()) == 2 * windows
    assert len(home.artifacts()) == len(artifacts)
    assert set(home.artifacts()).isdisjoint(artifacts)


def test_a_file_that_has_moved_is_gone_on_with(home: LocalHome, recording: Recording):
    home.settings["DALSTON_SHARD_SECONDS"] = "10"
    home.oracle(recording.folder, speed=SLOW)
    here, there = home.folder / "here", home.folder / "there"
    here.mkdir()
    (here / "talk.wav").write_bytes(recording.path.read_bytes())
    command = home.start("transcribe", here / "talk.wav", *ORACLE)
    wait_until(lambda: home.jobs())
    command.kill()
    here.rename(there)
    home.oracle(recording.folder)
    ended = home.run("transcribe", there / "talk.wav", *ORACLE, "--format", "json")
    assert ended.transcript()["text"] == recording.text
    assert len(home.jobs()) == 1


def test_engines_are_listed_and_shown(done: tuple[LocalHome, Ended]):
    home, _ = done
    listed = home.run("engines", "list").stdout
    assert all(name in listed for name in ("assemble", "oracle", "pocketsphinx", "silero"))
    names = [
        item["metadata"]["name"]
        for item in json.loads(home.run("engines", "list", "--json").stdout)
    ]
    assert "oracle" in names
    shown = home.run("engines", "show", "pocketsphinx").stdout
    assert "  ready      yes\n" in shown
    assert "pocketsphinx-en-us: ready" in shown
    assert "there is no engine 'nobody'" in home.run(
        "engines", "show", "nobody"
    ).assert_one_sentence(2)


def test_an_engine_yaml_is_checked(home: LocalHome):
    manifest = ENGINE / "engine.yaml"
    valid = home.run("engines", "validate", ENGINE)
    assert valid == Ended(0, f"{manifest}: engine oracle is valid\n", "")
    content = yaml.safe_load(manifest.read_text())
    content["spec"]["devices"][0]["memoryMebibytes"] = "much"
    broken = {
        "field.yaml": (yaml.safe_dump(content), "spec.devices.0.memoryMebibytes"),
        "syntax.yaml": ("spec: [transcribe\nkind: Engine\n", "is not YAML"),
        "empty.yaml": ("", "does not describe an engine"),
        "binary.yaml": ("\x80\x81", "is not"),
    }
    for name, (text, said) in broken.items():
        path = home.folder / name
        path.write_text(text, "latin-1")
        assert said in home.run("engines", "validate", path).assert_one_sentence(2)
    home.run("engines", "validate", home.folder / "gone").assert_one_sentence(2)


def test_a_choice_is_explained_without_running_anything(home: LocalHome):
    told = home.run("explain", "--language", "en")
    assert told.exit_code == 0
    stages = [line.split("  ")[0] for line in told.stdout.splitlines() if not line.startswith(" ")]
    assert stages == ["prepare", "transcribe", "merge + export"]
    assert "  pocketsphinx pocketsphinx-en-us on Cpu" in told.stdout
    assert "  fallback: oracle" in told.stdout
    assert "not faster-whisper" in told.stdout
    refused = home.run("explain", "--model", "pocketsphinx", "--language", "de")
    assert refused.exit_code == 2
    assert "does not know language 'de'" in refused.stderr
    assert home.jobs() == []


def test_the_doctor_finds_this_machine_well(home: LocalHome):
    ended = home.run("doctor")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert "engine pocketsphinx" in ended.stdout


def test_every_command_has_help(home: LocalHome):
    for words, command in [(words, home.start(*words, "--help")) for words in HELP]:
        ended = command.ended()
        assert (ended.exit_code, ended.stderr) == (0, ""), words
        assert "Usage: dalston" in ended.stdout


def test_what_the_command_does_not_know_is_refused(home: LocalHome):
    unknown = [
        ("transcribe", NOISE, "--loudly"),
        ("transcribe", NOISE, "--format", "docx"),
        ("transcribe",),
        ("sing",),
        ("jobs", "sing"),
        ("jobs", "get"),
    ]
    for command in [home.start(*words) for words in unknown]:
        ended = command.ended()
        assert (ended.exit_code, ended.stdout) == (2, "")
        assert "Traceback" not in ended.stderr


@pytest.fixture
def terminal() -> Iterator[tuple[int, list[bytes]]]:
    """A terminal to write to, and everything that was written to it."""
    ours, theirs = pty.openpty()
    seen: list[bytes] = []

    def read() -> None:
        while True:
            try:
                seen.append(os.read(ours, 4096))
            except OSError:
                return

    reading = Thread(target=read)
    reading.start()
    yield theirs, seen
    os.close(theirs)
    reading.join()
    os.close(ours)


def test_progress_is_drawn_on_a_terminal_only(
    home: LocalHome, terminal: tuple[int, list[bytes]], done: tuple[LocalHome, Ended]
):
    theirs, seen = terminal
    home.oracle(speed=10)
    home.settings["TERM"] = "xterm"
    ended = home.start("transcribe", NOISE, *ORACLE, stderr=theirs).ended()
    assert ended.stdout == done[1].stdout
    drawn = b"".join(seen).decode()
    assert "noise.wav" in drawn
    assert "transcribe" in drawn
    assert "Traceback" not in drawn
