"""Which command owns a job: an flock on its lock file, released by the kernel at any death.

The descriptor is not inherited by workers, so a worker that lives a moment longer holds nothing.
"""

import fcntl
import os
from pathlib import Path

from dalston_cli.errors import CommandError


class JobLock:
    """A held lock; ``release`` lets another command take the job over."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go."""
        os.close(self._descriptor)


def try_lock(folder: Path, name: str) -> JobLock | None:
    """The lock of the job called *name*; None while another command holds it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CommandError(f"no lock can be made in {folder}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return JobLock(descriptor)
