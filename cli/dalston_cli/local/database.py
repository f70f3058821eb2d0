"""Jobs in SQLite (WAL): what the Kubernetes API is on a cluster. Commands write it, workers never.

Each job has a resource version; a write that names another one raises Conflict, as an API server
would answer.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from dalston_cli.errors import CommandError
from dalston_crds.v1alpha1 import JobSpec, JobStatus, ObjectMeta, TranscriptionJob
from dalston_operator.cluster import Conflict
from dalston_operator.frozen_plan import FrozenPlan

SCHEMA_VERSION = 1
BUSY_SECONDS = 30.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    name TEXT PRIMARY KEY,
    run INTEGER NOT NULL,
    version INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    spec TEXT NOT NULL,
    status TEXT NOT NULL,
    frozen TEXT
) STRICT;
"""


@dataclass(frozen=True)
class Row:
    """A stored job."""

    job: TranscriptionJob
    frozen: FrozenPlan | None
    run: int
    """How many times a job of this name has been made before."""


class Database:
    """The jobs of one DALSTON_HOME."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._failures():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            with _alone(path):
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._migrate()
            self._connection.execute("PRAGMA synchronous = NORMAL")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def get(self, name: str) -> Row | None:
        """The job called *name*."""
        with self._failures():
            row = self._connection.execute("SELECT * FROM jobs WHERE name = ?", (name,)).fetchone()
        return self._row(row) if row else None

    def all_jobs(self) -> list[Row]:
        """Every job, the newest first."""
        order = "SELECT * FROM jobs ORDER BY json_extract(metadata, '$.creationTimestamp') DESC"
        with self._failures():
            rows = self._connection.execute(f"{order}, rowid DESC").fetchall()
        return [self._row(row) for row in rows]

    def create(self, job: TranscriptionJob, run: int) -> bool:
        """Store a new job; False when one of its name exists."""
        values = (
            job.metadata.name,
            run,
            1,
            _json(job.metadata),
            _json(job.spec),
            _json(job.status),
        )
        statement = "INSERT OR IGNORE INTO jobs VALUES (?, ?, ?, ?, ?, ?, NULL)"
        with self._failures():
            return self._connection.execute(statement, values).rowcount == 1

    def runs(self, name: str) -> int | None:
        """How many times a job of this name has been made before; None when there is none now."""
        statement = "SELECT run FROM jobs WHERE name = ?"
        with self._failures():
            row = self._connection.execute(statement, (name,)).fetchone()
        return int(row[0]) if row else None

    def replace(self, job: TranscriptionJob, run: int) -> None:
        """Store a new job in place of the one of its name; only its owner may."""
        statement = """
            UPDATE jobs SET run = ?, version = version + 1, metadata = ?, spec = ?, status = ?,
                frozen = NULL WHERE name = ?
        """
        values = (run, _json(job.metadata), _json(job.spec), _json(job.status), job.metadata.name)
        with self._failures():
            self._connection.execute(statement, values)

    def delete(self, name: str) -> None:
        """Forget a job, readable or not; only its owner may."""
        with self._failures():
            self._connection.execute("DELETE FROM jobs WHERE name = ?", (name,))

    def write_status(self, job: TranscriptionJob, status: JobStatus) -> None:
        """Replace the status; raises Conflict when the job has changed."""
        statement = "UPDATE jobs SET status = ?, version = version + 1"
        self._changed(job, f"{statement} WHERE name = ? AND version = ?", (_json(status),))

    def write_spec(self, job: TranscriptionJob, spec: JobSpec) -> None:
        """Replace the spec and raise the generation; raises Conflict when the job has changed."""
        generation = job.metadata.generation + 1
        metadata = job.metadata.model_copy(update={"generation": generation})
        statement = "UPDATE jobs SET spec = ?, metadata = ?, version = version + 1"
        values = (_json(spec), _json(metadata))
        self._changed(job, f"{statement} WHERE name = ? AND version = ?", values)

    def freeze(self, job: TranscriptionJob, frozen: FrozenPlan) -> None:
        """Keep the job's plan; raises Conflict when one is kept already."""
        statement = "UPDATE jobs SET frozen = ? WHERE name = ? AND version = ? AND frozen IS NULL"
        self._changed(job, statement, (frozen.model_dump_json(exclude_defaults=True),))

    def _changed(self, job: TranscriptionJob, statement: str, values: tuple[str, ...]) -> None:
        key = (job.metadata.name, int(job.metadata.resource_version))
        with self._failures():
            if self._connection.execute(statement, (*values, *key)).rowcount != 1:
                raise Conflict(job.metadata.name)

    def _row(self, row: tuple[str, int, int, str, str, str, str | None]) -> Row:
        name, run, version, metadata, spec, status, frozen = row
        try:
            meta = ObjectMeta.model_validate_json(metadata)
            job = TranscriptionJob(
                metadata=meta.model_copy(update={"resource_version": str(version)}),
                spec=JobSpec.model_validate_json(spec),
                status=JobStatus.model_validate_json(status),
            )
            plan = FrozenPlan.model_validate_json(frozen) if frozen else None
        except ValidationError as error:
            raise CommandError(
                f"job {name} in {self._path} cannot be read by this version"
                f" ({error.error_count()} faults); delete it with: dalston jobs delete {name}"
            ) from error
        return Row(job, plan, run)

    def _migrate(self) -> None:
        found = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if found > SCHEMA_VERSION:
            raise CommandError(
                f"{self._path} was written by a newer Dalston (schema {found}, this one knows"
                f" {SCHEMA_VERSION}); use that version or another DALSTON_HOME"
            )
        if found < SCHEMA_VERSION:
            self._connection.executescript(SCHEMA)
            self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """SQLite's errors as one sentence that says what to do."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise CommandError(f"the state database {self._path} failed: {error}") from error
        except sqlite3.DatabaseError as error:
            raise CommandError(
                f"the state database {self._path} is damaged ({error}); move it away and run"
                " the command again: audio files and finished transcripts are not in it"
            ) from error
        except OSError as error:
            raise CommandError(
                f"no state can be kept in {self._path.parent}: {error.strerror}"
            ) from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One command at a time: SQLite does not wait for its turn to switch a new file to WAL."""
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _json(model: ObjectMeta | JobSpec | JobStatus) -> str:
    return model.model_dump_json(by_alias=True, exclude_defaults=True)
