"""The composition root of local mode: a command's jobs, reconciled until they have ended.

A command owns the jobs whose locks it holds. A job that another command owns is followed, and
taken over when that command dies.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from dalston_cli.errors import CommandError
from dalston_cli.local.database import Database, Row
from dalston_cli.local.job_lock import JobLock, try_lock
from dalston_cli.local.local_cluster import LocalCluster
from dalston_cli.local.settings import LocalSettings
from dalston_cli.local.submissions import job_name, new_job
from dalston_cli.local.worker_pool import WorkerPool
from dalston_crds.artifact_keys import job_root
from dalston_crds.v1alpha1 import Engine, JobSpec, TranscriptionJob
from dalston_engines.artifacts import digest_of_file
from dalston_engines.catalogue import installed_engines
from dalston_operator.cluster import Conflict, Placement
from dalston_operator.conditions import CANCELLED
from dalston_operator.reconcile import reconcile

POLL_SECONDS = 0.25
CLUSTER_ID = "local"


@dataclass
class Session:
    """One command's view of local mode."""

    settings: LocalSettings
    database: Database
    cluster: LocalCluster
    engines: tuple[Engine, ...]
    on_tick: Callable[[], None] = lambda: None
    """Called after every step, to draw progress."""
    _owned: dict[str, JobLock] = field(default_factory=dict)

    def submit(self, path: Path, spec: JobSpec) -> str:
        """The name of the job for this file: joined, resumed, or made anew."""
        shard = self.settings.shard_seconds
        name = job_name(path, digest_of_file(path), spec, shard)
        self._own(name)
        row = self.database.get(name)
        if row is not None and name in self._owned and row.job.finished:
            self._replace(row, path, spec)
        elif row is None:
            self.database.create(new_job(name, path, spec, 0, now()), 0)
        return name

    def adopt(self, name: str) -> None:
        """Take part in an existing job."""
        self._own(name)

    async def run(self, names: Iterable[str]) -> None:
        """Reconcile the jobs until all of them have ended."""
        names = tuple(dict.fromkeys(names))
        while pending := [name for name in names if not self._ended(name)]:
            for name in pending:
                await self._step(name)
            self.on_tick()
            await self._rest()
        self.on_tick()

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

    def delete(self, row: Row) -> None:
        """Forget a job and remove its artifacts."""
        self.database.delete(row.job)
        folder = self.folder(row.job)
        try:
            if folder.exists():
                shutil.rmtree(folder)
        except OSError as error:
            raise CommandError(f"{folder} cannot be removed: {error.strerror}") from error

    def folder(self, job: TranscriptionJob) -> Path:
        """Where the job's artifacts lie."""
        root = str(self.settings.artifacts)
        namespace = job.metadata.namespace or "default"
        return Path(job_root(root, CLUSTER_ID, namespace, job.metadata.uid))

    def owns(self, name: str) -> bool:
        """Whether this command runs the job."""
        return name in self._owned

    def _own(self, name: str) -> None:
        if name not in self._owned:
            lock = try_lock(self.settings.locks, name)
            if lock is not None:
                self._owned[name] = lock

    def _replace(self, row: Row, path: Path, spec: JobSpec) -> None:
        """Run a finished job again; a cancelled one keeps its finished parts."""
        failed = row.job.status.condition("Failed")
        keeps = row.job.holds("Failed") and failed is not None and failed.reason == CANCELLED
        run = row.run if keeps else row.run + 1
        if keeps:
            self.database.delete(row.job)
        else:
            self.delete(row)
        self.database.create(new_job(row.job.metadata.name, path, spec, run, now()), run)

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

    def _ended(self, name: str) -> bool:
        row = self.database.get(name)
        return row is None or row.job.finished

    async def close(self) -> None:
        """End the workers, let go of the jobs."""
        await self.cluster.pool.close()
        for lock in self._owned.values():
            lock.release()
        self.database.close()


@asynccontextmanager
async def open_session(settings: LocalSettings) -> AsyncIterator[Session]:
    """Local mode for one command."""
    database = Database(settings.database)
    engines = tuple(item.manifest for item in installed_engines(settings.weights))
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


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)
