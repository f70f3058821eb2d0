"""The little of a cluster that reconciling needs, and what it sees of a job there.

Implemented over SQLite and worker processes by ``dalston_cli.local``, and over the Kubernetes API.
"""

from dataclasses import dataclass, field
from typing import Protocol

from dalston_crds.v1alpha1 import Engine, EnginePool, JobStatus, TranscriptionJob
from dalston_operator.frozen_plan import FrozenPlan
from dalston_operator.rounds import ObservedRound, Round


class Conflict(Exception):
    """The job has changed since it was observed: observe again."""


@dataclass(frozen=True)
class Placement:
    """Settings of the place jobs run in."""

    root: str = "file:///var/lib/dalston"
    cluster_id: str = "local"
    shard_seconds: int = 300
    max_audio_seconds: int = 86_400


@dataclass(frozen=True)
class Observation:
    """A job and everything that bears on it, as last seen."""

    job: TranscriptionJob
    frozen: FrozenPlan | None = None
    engines: tuple[Engine, ...] = ()
    pools: tuple[EnginePool, ...] = ()
    rounds: tuple[ObservedRound, ...] = ()
    placement: Placement = field(default_factory=Placement)


class Cluster(Protocol):
    """Where jobs live and rounds run. Doing anything twice is doing it once."""

    async def observe(self, key: str) -> Observation | None:
        """The job called *key* and what belongs to it; None when there is no such job."""
        ...

    async def freeze(self, job: TranscriptionJob, frozen: FrozenPlan) -> None:
        """Keep the job's plan; raises Conflict when another plan is kept already."""
        ...

    async def start(self, round_: Round) -> None:
        """Make the round unless it exists or has existed."""
        ...

    async def stop(self, round_: ObservedRound) -> None:
        """End the round; its pods get their grace."""
        ...

    async def suspend(self, round_: ObservedRound, suspended: bool) -> None:
        """Pause the round's work, or let it go on."""
        ...

    async def write_status(self, job: TranscriptionJob, status: JobStatus) -> None:
        """Replace the status of the observed job; raises Conflict when the job has changed."""
        ...
