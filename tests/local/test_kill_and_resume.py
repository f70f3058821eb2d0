"""A command killed at any moment leaves no process behind, and the next one goes on from there."""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from local_command import ORPHAN_SECONDS, LocalHome, wait_until
from long_audio import Recording

CASES = 5
KILLS = 4
"""Per case, one at a random point of each quarter of the work."""
SHARDS = {"DALSTON_SHARD_SECONDS": "10"}
OPTIONS = ("--model", "oracle", "--format", "json")


@dataclass(frozen=True)
class Reference:
    """What an undisturbed run gives."""

    transcript: dict[str, Any]
    files: int


@dataclass(frozen=True)
class Seen:
    """What a killed command has left."""

    sealed: dict[Path, tuple[bytes, int]]
    """The manifests of finished parts."""
    windows: int
    """Windows decoded so far."""
    finished: bool
    """Whether the job had ended before the command was killed."""


@pytest.fixture(scope="module")
def reference(recording: Recording, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    home = LocalHome(tmp_path_factory.mktemp("reference"), SHARDS)
    home.oracle(recording.folder, speed=100)
    transcript = home.run("transcribe", recording.path, *OPTIONS).transcript()
    return Reference(transcript, len(home.artifacts()))


def spans(home: LocalHome) -> dict[int, tuple[float, float]]:
    """Start and end of every part, as prepare has written them."""
    found = {}
    for path in home.artifacts():
        if path.parts[-3] == "prepare" and path.suffix == ".json":
            content = json.loads(path.read_bytes())
            if "windows" in content:
                found[content["part"]] = (content["start"], content["end"])
    return found


def parts_of(windows: Sequence[dict[str, Any]], home: LocalHome) -> set[int]:
    """The parts that windows of the log belong to."""
    parts = spans(home)
    middles = [(window["start"] + window["end"]) / 2 for window in windows]
    return {
        part for middle in middles for part, (start, end) in parts.items() if start <= middle < end
    }


def finished_parts(manifests: Iterable[Path]) -> set[int]:
    return {int(path.parent.name) for path in manifests if path.parts[-3] == "transcribe"}


def test_the_reference_is_what_was_said(reference: Reference, recording: Recording):
    assert reference.transcript["text"] == recording.text
    assert reference.files > 25


@pytest.mark.parametrize("case", range(CASES))
def test_a_job_that_is_killed_again_and_again_is_resumed(
    home: LocalHome, recording: Recording, reference: Reference, case: int
):
    home.settings |= SHARDS
    home.oracle(recording.folder, speed=100)
    chance = random.Random(case)
    for kill in range(KILLS):
        files = int((kill + chance.random()) / KILLS * reference.files)
        before = seen(home)
        killed_with(home, recording, files)
        assert_nothing_made_again(before, home)
    before = seen(home)
    ended = home.run("transcribe", recording.path, *OPTIONS)
    assert ended.transcript() == reference.transcript
    assert_nothing_made_again(before, home)


def killed_with(home: LocalHome, recording: Recording, files: int) -> None:
    """Start the command, and kill it alone once there are so many artifacts."""
    command = home.start("transcribe", recording.path, *OPTIONS)
    wait_until(lambda: home.path.exists() and len(home.artifacts()) >= files)
    command.kill()
    wait_until(lambda: not home.workers(), ORPHAN_SECONDS)


def seen(home: LocalHome) -> Seen:
    return Seen(home.manifests(), len(home.windows()), any(job.finished for job in home.jobs()))


def assert_nothing_made_again(before: Seen, home: LocalHome) -> None:
    """A finished job is run again from the start; of all others the finished parts stay."""
    if not before.finished:
        assert before.sealed.items() <= home.manifests().items()
        decoded = parts_of(home.windows()[before.windows :], home)
        assert not decoded & finished_parts(before.sealed)
