"""Rounds: one try at a stage's unfinished parts. Pure.

A round becomes one Indexed Job on a cluster, or work for local workers. Its name derives from job,
stage and number, so making it twice makes it once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dalston_crds.part_set import PartSet
from dalston_crds.stage_messages import StageRequest, StageResult
from dalston_crds.v1alpha1 import StageName
from dalston_operator.frozen_plan import Candidate

LEAST_INDEX_SECONDS = 120.0
START_UPS_PER_INDEX = 5
NAME_LIMIT = 52


class RoundEnd(StrEnum):
    """How a round ended."""

    DONE = "Done"
    """Every index exited 0."""
    FAILED = "Failed"
    """An index used up its tries, or its input is wrong."""
    UNAVAILABLE = "Unavailable"
    """The engine cannot run here (exit 69)."""
    NEVER_STARTED = "NeverStarted"
    """No container started within the pending timeout."""
    LOST = "Lost"
    """It ended without saying how: deleted, evicted, its node gone."""
    STOPPED = "Stopped"
    """The operator stopped it."""


@dataclass(frozen=True)
class Round:
    """A round to start."""

    job_uid: str
    stage: StageName
    number: int
    parts: PartSet
    indexes: int
    parallelism: int
    candidate: Candidate
    retries: int
    timeout_seconds: int
    pending_timeout_seconds: int
    request: StageRequest

    @property
    def name(self) -> str:
        """Unique among the rounds of all jobs, at most 52 characters."""
        return round_name(self.job_uid, self.stage, self.number)


@dataclass(frozen=True)
class ObservedRound:
    """A round as it is."""

    job_uid: str
    stage: StageName
    number: int
    results: tuple[StageResult, ...] = ()
    """The latest of each index that said anything."""
    end: RoundEnd | None = None
    """None while it lives."""
    started: bool = False
    """Whether any container has started."""
    suspended: bool = False
    created_at: datetime | None = None
    waits_for: str = ""
    """A condition reason for why nothing of it runs; empty while something does."""

    @property
    def name(self) -> str:
        """The name it was started under."""
        return round_name(self.job_uid, self.stage, self.number)

    @property
    def live(self) -> bool:
        """Whether it may still do work."""
        return self.end is None

    def finished(self) -> PartSet:
        """The parts any index reported finished."""
        found = PartSet()
        for result in self.results:
            found |= PartSet.parse(result.finished)
        return found


def round_name(job_uid: str, stage: StageName, number: int) -> str:
    """The name of a round."""
    return f"{job_uid[: NAME_LIMIT - 20]}-{stage}-{number}"


def index_count(parts: PartSet, audio_seconds: float, candidate: Candidate) -> int:
    """Pods worth starting: each shall work for at least 2 min or five start-ups.

    *audio_seconds* is the audio of these parts.
    """
    work = audio_seconds / (candidate.device.speed_milli / 1000)
    least = max(LEAST_INDEX_SECONDS, START_UPS_PER_INDEX * candidate.device.start_up_seconds)
    return max(1, min(len(parts), math.ceil(work / least)))


def stage_timeout(candidate: Candidate, part_seconds: float, override: int | None) -> int:
    """Seconds without a finished part after which a try is ended."""
    if override is not None:
        return override
    expected = part_seconds / (candidate.device.speed_milli / 1000)
    return round(max(300.0, 5 * expected))


def live_round(rounds: Sequence[ObservedRound], stage: StageName) -> ObservedRound | None:
    """The stage's live round, if it has one."""
    return next((item for item in rounds if item.stage == stage and item.live), None)
