"""A command killed at any moment leaves no process behind, and the next one goes on from there."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from local_command import ORPHAN_SECONDS, LocalHome, wait_until
from long_audio import Recording

CASES = 20
SHARDS = {"DALSTON_SHARD_SECONDS": "10"}
OPTIONS = ("--model", "oracle", "--format", "json")


@dataclass(frozen=True)
class Reference:
    """What an undisturbed run gives."""

    transcript: dict[str, Any]
    files: int
    windows: int


@pytest.fixture(scope="module")
def reference(recording: Recording, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    home = LocalHome(tmp_path_factory.mktemp("reference"), SHARDS)
    home.oracle(recording.folder, speed=100)
    transcript = home.run("transcribe", recording.path, *OPTIONS).transcript()
    return Reference(transcript, len(home.artifacts()), len(home.windows()))


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


def finished_parts(manifests: Sequence[Path]) -> set[int]:
    return {int(path.parent.name) for path in manifests if path.parts[-3] == "transcribe"}


def test_the_reference_is_what_was_said(reference: Reference, recording: Recording):
    assert reference.transcript["text"] == recording.text
    assert reference.files > 25


@pytest.mark.parametrize("case", range(CASES))
def test_a_killed_job_is_resumed(
    home: LocalHome, recording: Recording, reference: Reference, case: int
):
    home.settings |= SHARDS
    home.oracle(recording.folder, speed=100)
    place = (case + random.Random(case).random()) / CASES
    least = int(place * reference.files)

    command = home.start("transcribe", recording.path, *OPTIONS)
    wait_until(lambda: len(home.artifacts()) >= least and home.path.exists())
    command.kill()
    wait_until(lambda: not home.workers(), ORPHAN_SECONDS)
    sealed, decoded, jobs = home.manifests(), len(home.windows()), home.jobs()

    again = home.run("transcribe", recording.path, *OPTIONS)
    assert again.transcript() == reference.transcript
    if not any(job.finished for job in jobs):
        assert sealed.items() <= home.manifests().items()
        assert not parts_of(home.windows()[decoded:], home) & finished_parts(list(sealed))
