"""The composition root of local mode: a command's jobs, reconciled until they have ended.

A command owns the jobs whose locks it holds. A job that another command owns is followed, and
taken over when that command dies.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from dalston_cli.errors import CommandError, Interrupted, UserError
from dalston_cli.local.database import Database, Row
from dalston_cli.local.installed import engines_here
from dalston_cli.local.job_lock import JobLock, try_lock
from dalston_cli.local.local_cluster import LocalCluster
from dalston_cli.local.settings import LocalSettings
from dalston_cli.local.submissions import NAMESPACE, job_name, job_uid, new_job
from dalston_cli.local.worker_pool import WorkerPool
from dalston_crds.artifact_keys import job_root
from dalston_crds.v1alpha1 import Engine, JobSpec, TranscriptionJob
from dalston_engines.artifacts import digest_of_file
from dalston_operator.cluster import Conflict, Placement
from dalston_operator.conditions import CANCELLED, FAILED
from dalston_operator.reconcile import reconcile

POLL_SECONDS = 0.25
CLUSTER_ID = "local"
T = TypeVar("T")


@dataclass
class Session:
    """One command's view of local mode."""

    settings: LocalSettings
    database: Database
    cluster: LocalCluster
    engines: tuple[Engine, ...]
    on_tick: Callable[[], None] = lambda: None
    """Called after every step, to draw progress."""
    leaving: bool = False
    """Whether only the ends of this command's own jobs are waited for."""
    _owned: dict[str, JobLock] = field(default_factory=dict)

    def submit(self, path: Path, spec: JobSpec) -> str:
        """The name of the job for this file: joined, resumed, or made anew."""
        shard = self.settings.shard_seconds
        name = job_name(path, _digest(path), spec, shard)
        self._own(name)
        row = self.database.get(name)
        if row is None:
            self.database.create(new_job(name, path, spec, 0, now()), 0)
        elif self.owns(name) and not _goes_on(row.job, spec):
            self._replace(row, path, spec)
        return name

    def adopt(self, name: str) -> None:
        """Take part in an existing job."""
        self._own(name)

    async def run(self, names: Iterable[str]) -> None:
        """Reconcile the jobs until all of them have ended."""
        names = tuple(dict.fromkeys(names))
        while pending := [name for name in names if self._awaited(name)]:
            for name in pending:
                await self._step(name)
            self.on_tick()
            await self._rest()
        self.on_tick()

    def leave(self, names: Iterable[str]) -> None:
        """End the jobs that this command runs, and wait for those of others no more."""
        self.leaving = True
        self.cancel([name for name in names if self._awaited(name)])

    def cancel(self, names: Iterable[str]) -> None:
        """Ask for the jobs' end; ``run`` carries it out."""
        for name in names:
            self.change(name, {"cancel": True})

    def change(self, name: str, fields: dict[str, object]) -> TranscriptionJob:
        """Change mutable fields of a job's spec; raises CommandError when there is no such job."""
        while True:
            row = self.database.get(name)
            if row is None:
                raise CommandError(f"there is no job {name}; see: dalston jobs list")
            try:
                self.database.write_spec(row.job, row.job.spec.model_copy(update=fields))
            except Conflict:
                continue
            return row.job

    def delete(self, name: str, runs: int) -> None:
        """Forget a job, readable or not, and remove the artifacts of all its *runs*."""
        self._remove_artifacts(name, runs + 1)
        self.database.delete(name)

    def owns(self, name: str) -> bool:
        """Whether this command runs the job."""
        return name in self._owned

    def _own(self, name: str) -> None:
        if name not in self._owned:
            lock = try_lock(self.settings.locks, name)
            if lock is not None:
                self._owned[name] = lock

    def _replace(self, row: Row, path: Path, spec: JobSpec) -> None:
        """Make a job anew; one that was cut short keeps its finished parts."""
        name = row.job.metadata.name
        run = row.run + (row.job.finished and not _cancelled(row.job))
        self.database.replace(new_job(name, path, spec, run, now()), run)
        self._remove_artifacts(name, run)

    def _remove_artifacts(self, name: str, runs: int) -> None:
        """Of the first *runs* runs; some may be left from a command that was killed here."""
        for run in range(runs):
            root = str(self.settings.artifacts)
            folder = Path(job_root(root, CLUSTER_ID, NAMESPACE, job_uid(name, run)))
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise CommandError(f"{folder} cannot be removed: {error.strerror}") from error

    async def _step(self, name: str) -> None:
        self._own(name)
        if name not in self._owned:
            return
        await reconcile(name, self.cluster, now)

    async def _rest(self) -> None:
        """Until a round changes; other commands' writes are noticed within POLL_SECONDS."""
        waiting = asyncio.create_task(self.cluster.changed.wait())
        await asyncio.wait([waiting], timeout=POLL_SECONDS)
        waiting.cancel()
        self.cluster.changed.clear()

    def _awaited(self, name: str) -> bool:
        return not self.ended(name) and (self.owns(name) or not self.leaving)

    def ended(self, name: str) -> bool:
        """Whether the job has ended or is no more."""
        row = self.database.get(name)
        return row is None or row.job.finished

    async def close(self) -> None:
        """End the workers, let go of the jobs."""
        await self.cluster.close()
        for lock in self._owned.values():
            lock.release()
        self.database.close()


@asynccontextmanager
async def open_session(settings: LocalSettings) -> AsyncIterator[Session]:
    """Local mode for one command."""
    database = Database(settings.database)
    engines = tuple(item.manifest for item in engines_here(settings))
    pool = WorkerPool(settings.workers, settings.memory_mebibytes, settings.idle_seconds)
    placement = Placement(
        root=settings.artifacts.as_uri(),
        cluster_id=CLUSTER_ID,
        shard_seconds=settings.shard_seconds,
        max_audio_seconds=settings.max_audio_seconds,
    )
    cluster = LocalCluster(database, pool, engines, placement, now)
    session = Session(settings, database, cluster, engines)
    try:
        yield session
    finally:
        await session.close()


def in_session(settings: LocalSettings, act: Callable[[Session], Awaitable[T]]) -> T:
    """Do something in local mode; raises Interrupted after a Ctrl-C that nothing else handles."""

    async def run() -> T:
        async with open_session(settings) as session:
            return await act(session)

    try:
        return asyncio.run(run())
    except KeyboardInterrupt:
        raise Interrupted("interrupted") from None


def _digest(path: Path) -> str:
    try:
        return digest_of_file(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error


def _goes_on(job: TranscriptionJob, spec: JobSpec) -> bool:
    """Whether an existing job can be gone on with as it is."""
    return not job.finished and not job.spec.cancel and job.spec.source == spec.source


def _cancelled(job: TranscriptionJob) -> bool:
    failed = job.status.condition(FAILED)
    return job.holds(FAILED) and failed is not None and failed.reason == CANCELLED


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)
