"""A home of its own for every test, and one long recording for all."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from local_command import ORPHAN_SECONDS, LocalHome, wait_until
from long_audio import Recording, write_recording


@pytest.fixture
def home(tmp_path: Path) -> Iterator[LocalHome]:
    """An empty home whose oracle knows the samples; afterwards no worker of it may be left."""
    made = LocalHome(tmp_path)
    made.oracle()
    yield made
    for command in made.commands:
        if command.process.returncode is None:
            command.kill()
    wait_until(lambda: not made.workers(), ORPHAN_SECONDS)


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """About 70 seconds: seven shards of ten."""
    folder = tmp_path_factory.mktemp("recording")
    return write_recording(folder / "five times.wav", ["monologue"] * 5)
