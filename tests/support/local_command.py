"""Runs the real ``dalston`` command in a home of its own, and looks at what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE
from typing import Any

from dalston_cli.local.database import Database
from dalston_crds.v1alpha1 import TranscriptionJob

DALSTON = Path(sys.executable).with_name("dalston")
SAMPLES = Path(__file__).resolve().parents[2] / "config" / "samples"
LIMIT_SECONDS = 60.0
"""A command that takes longer hangs."""
ORPHAN_SECONDS = 2.0
"""Workers of a killed command are gone after this long."""
POLL_SECONDS = 0.01
SLOW = 3.0
"""Audio seconds per second at which work is far from done when another command has started."""
WORKER = b"dalston_engines.worker"
NOT_INHERITED = ("DALSTON_", "HF_", "XDG_")


def wait_until(condition: Callable[[], object], timeout: float = LIMIT_SECONDS) -> None:
    """Return once *condition* holds; fail when it does not within *timeout* seconds."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"still not so after {timeout} s"
        time.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it said."""

    exit_code: int
    stdout: str
    stderr: str

    def assert_one_sentence(self, exit_code: int) -> str:
        """Check for an expected failure; returns its sentence."""
        assert "Traceback" not in self.stderr
        assert self.exit_code == exit_code, self
        assert self.stdout == ""
        (line,) = self.stderr.splitlines()
        assert line.startswith("dalston: ")
        return line.removeprefix("dalston: ")

    def transcript(self) -> dict[str, Any]:
        """The document that ``--format json`` printed, without what differs from run to run."""
        assert self.exit_code == 0, self
        document: dict[str, Any] = json.loads(self.stdout)
        del document["job_id"], document["metadata"]["completed_at"]
        return document


@dataclass(frozen=True)
class Running:
    """A command at work, in a process group of its own as a shell would give it."""

    process: subprocess.Popen[bytes]

    def ended(self) -> Ended:
        """Wait for its end."""
        stdout, stderr = self.process.communicate(timeout=LIMIT_SECONDS)
        return Ended(
            self.process.returncode, os.fsdecode(stdout or b""), os.fsdecode(stderr or b"")
        )

    def press_ctrl_c(self) -> None:
        """What a terminal does: the signal goes to the whole process group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """End it at once, as the kernel does when memory runs out."""
        self.process.kill()
        self.process.communicate(timeout=LIMIT_SECONDS)

    def has_open(self, path: Path) -> bool:
        """Whether it holds the file open."""
        try:
            links = [link.readlink() for link in Path(f"/proc/{self.process.pid}/fd").iterdir()]
        except OSError:
            return False
        return path in links


@dataclass
class LocalHome:
    """A DALSTON_HOME, the settings of the commands that use it, and what lies in it."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    prefix: Sequence[str] = ()
    """What the command line begins with, such as ``prlimit --fsize=0``."""
    commands: list[Running] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The home itself."""
        return self.folder / "home"

    @property
    def log(self) -> Path:
        """The oracle's log."""
        return self.folder / "oracle.log"

    @property
    def options(self) -> Path:
        """The oracle's options."""
        return self.folder / "oracle.json"

    def oracle(self, *truth: Path, **options: object) -> None:
        """Tell the oracle what it knows and how to behave from now on."""
        folders = [str(item) for item in truth or (SAMPLES,)]
        content = {"truth": folders, "speed": 1000, "log": str(self.log), **options}
        self.options.write_text(json.dumps(content, default=str))

    def start(self, *arguments: object, stdout: int = PIPE, stderr: int = PIPE) -> Running:
        """The command, running; what it says is kept unless it goes elsewhere."""
        process = subprocess.Popen(
            [*self.prefix, str(DALSTON), *map(str, arguments)],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        self.commands.append(running := Running(process))
        return running

    def run(self, *arguments: object) -> Ended:
        """The command, run to its end."""
        return self.start(*arguments).ended()

    def jobs(self) -> list[TranscriptionJob]:
        """Every job, the newest first; none while there is no database."""
        path = self.path / "dalston.db"
        if not path.exists():
            return []
        database = Database(path)
        try:
            return [row.job for row in database.all_jobs()]
        finally:
            database.close()

    def failure(self) -> tuple[str, str]:
        """Why the only job has failed: the condition's reason and message."""
        (job,) = self.jobs()
        found = job.status.condition("Failed")
        assert job.holds("Failed")
        assert found is not None
        return found.reason, found.message

    def artifacts(self) -> list[Path]:
        """Every file below the folder of artifacts."""
        folders = os.walk(self.path / "artifacts")
        return [Path(folder, name) for folder, _, names in folders for name in names]

    def manifests(self, stage: str = "") -> dict[Path, tuple[bytes, int]]:
        """Content and time of change of the manifest of each finished part."""
        found = [path for path in self.artifacts() if path.name == "manifest.json"]
        return {
            path: (path.read_bytes(), path.stat().st_mtime_ns)
            for path in found
            if stage in ("", path.parts[-3])
        }

    def windows(self) -> list[dict[str, Any]]:
        """The oracle's log: a line for each window it decoded."""
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]

    def workers(self) -> dict[int, str]:
        """The workers alive in this home: process id and engine."""
        mark = f"DALSTON_HOME={self.path}".encode()
        found = {pid: _read(pid, "cmdline").split(b"\0") for pid in _pids()}
        return {
            pid: words[words.index(WORKER) + 1].decode()
            for pid, words in found.items()
            if WORKER in words and mark in _read(pid, "environ").split(b"\0")
        }

    def environment(self) -> dict[str, str]:
        """What the commands see; nothing of this machine's own homes and caches."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(NOT_INHERITED)}
        own = {
            "HOME": str(self.folder),
            "DALSTON_HOME": str(self.path),
            "DALSTON_ORACLE": str(self.options),
            "DALSTON_WORKERS": "2",
        }
        return {**inherited, **own, **self.settings}


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
