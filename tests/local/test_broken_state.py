"""Full disks, damaged databases, wrong settings: ours to admit, with what to do about it."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from local_command import SAMPLES, Ended, LocalHome
from long_audio import Recording

from dalston_cli.local.database import Database
from dalston_cli.local.session import now
from dalston_cli.local.submissions import new_job
from dalston_crds.v1alpha1 import JobSpec, Source

MONOLOGUE = SAMPLES / "monologue.wav"
JOBS = 50
ORACLE = ("--model", "oracle", "--format", "txt")


def file_limit(kibibytes: int) -> tuple[str, ...]:
    """No file may grow beyond this, as on a disk that is nearly full."""
    return "prlimit", f"--fsize={kibibytes * 1024}"


def test_a_disk_that_fills_up_fails_the_job_and_a_retry_goes_on(
    home: LocalHome, recording: Recording
):
    home.oracle(recording.folder)
    home.prefix = file_limit(1024)
    said = home.run("transcribe", recording.path, *ORACLE).assert_one_sentence(1)
    assert f"{recording.path}: {home.failure()[1]}" == said
    assert "storage failed to write" in said
    home.prefix = ()
    (job,) = home.jobs()
    retried = home.run("jobs", "retry", job.metadata.name)
    _, *lines = retried.stdout.splitlines()
    assert " ".join(line.rpartition("  ")[2] for line in lines) == recording.text


def test_a_disk_too_full_for_any_state_is_named(home: LocalHome):
    home.prefix = file_limit(0)
    said = home.run("transcribe", MONOLOGUE, *ORACLE).assert_one_sentence(1)
    assert str(home.path / "dalston.db") in said
    home.prefix = ()
    assert home.run("transcribe", MONOLOGUE, *ORACLE).exit_code == 0


def test_a_disk_too_full_for_the_result_is_told_in_one_sentence(home: LocalHome):
    full = home.folder / "full"
    full.symlink_to("/dev/full")
    said = home.run("transcribe", MONOLOGUE, *ORACLE, "--output", full).assert_one_sentence(1)
    assert said == f"{full} cannot be written: No space left on device"
    assert full.is_symlink()


def test_a_full_stdout_is_told_in_one_sentence(home: LocalHome):
    with Path("/dev/full").open("wb") as full:
        ended = home.start("transcribe", MONOLOGUE, *ORACLE, stdout=full.fileno()).ended()
    said = ended.assert_one_sentence(1)
    assert said == "stdout cannot be written: No space left on device"


def filled_database(home: LocalHome) -> Path:
    """A database of several pages."""
    path = home.path / "dalston.db"
    database = Database(path)
    for number in range(JOBS):
        spec = JobSpec(source=Source(uri=MONOLOGUE.as_uri()))
        database.create(new_job(f"job-{number}", MONOLOGUE, spec, 0, now()), 0)
    database.close()
    return path


def garbage(path: Path) -> None:
    path.write_bytes(b"\x00\xffno database\n" * 1000)


def cut_short(path: Path) -> None:
    os.truncate(path, 6000)


def overwritten(path: Path) -> None:
    """Everything after the header, as by a failing disk."""
    size = path.stat().st_size
    with path.open("r+b") as stream:
        stream.seek(100)
        stream.write(b"\xaa" * (size - 100))


@pytest.mark.parametrize("damage", [garbage, cut_short, overwritten])
def test_a_damaged_database_is_named_and_can_be_moved_away(
    home: LocalHome, damage: Callable[[Path], None]
):
    path = filled_database(home)
    damage(path)
    said = home.run("transcribe", MONOLOGUE, *ORACLE).assert_one_sentence(1)
    assert str(path) in said
    assert "move it away" in said
    path.rename(home.folder / "damaged.db")
    assert home.run("jobs", "list").exit_code == 0


def test_a_database_of_a_newer_version_is_left_alone(home: LocalHome):
    home.path.mkdir()
    with sqlite3.connect(home.path / "dalston.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    said = home.run("jobs", "list").assert_one_sentence(1)
    assert "newer Dalston" in said


def test_an_unreadable_job_is_named_and_can_be_deleted(home: LocalHome):
    with sqlite3.connect(filled_database(home)) as connection:
        connection.execute("UPDATE jobs SET spec = '{}' WHERE name = 'job-7'")
    connection.close()
    said = home.run("jobs", "list").assert_one_sentence(1)
    assert said.endswith("delete it with: dalston jobs delete job-7")
    assert home.run("jobs", "delete", "job-7") == Ended(0, "job-7: deleted\n", "")
    assert len(home.jobs()) == JOBS - 1


def test_a_home_that_is_a_file_is_named(home: LocalHome):
    home.path.write_text("in the way")
    said = home.run("transcribe", MONOLOGUE, *ORACLE).assert_one_sentence(1)
    assert str(home.path) in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DALSTON_WORKERS", "abc"),
        ("DALSTON_WORKERS", "0"),
        ("DALSTON_WORKERS", "²"),
        ("DALSTON_MEMORY_MIB", "-1"),
        ("DALSTON_SHARD_SECONDS", "1"),
        ("DALSTON_IDLE_SECONDS", "1.5"),
    ],
)
def test_a_wrong_setting_is_named(home: LocalHome, name: str, value: str):
    home.settings[name] = value
    said = home.run("jobs", "list").assert_one_sentence(2)
    assert said.startswith(f"{name} must be a whole number")
    assert repr(value) in said


def test_an_installed_engine_with_a_broken_engine_yaml_is_named(home: LocalHome):
    packages = home.folder / "packages"
    (packages / "broken_engine").mkdir(parents=True)
    (packages / "broken_engine" / "__init__.py").touch()
    (packages / "broken_engine" / "engine.yaml").write_text(
        "kind: Engine\nspec: {stages: [sing]}\n"
    )
    about = packages / "broken_engine-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-engine\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[dalston.engines]\nbroken = broken_engine.engine:It\n")
    home.settings["PYTHONPATH"] = str(packages)
    for words in (("transcribe", MONOLOGUE), ("engines", "list"), ("explain",)):
        said = home.run(*words).assert_one_sentence(2)
        assert str(packages / "broken_engine" / "engine.yaml") in said
        assert "spec.stages" in said
