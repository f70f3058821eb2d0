"""The status of the largest job fits where it must."""

from typing import Any

import pytest
from operator_fixtures import (
    NOW,
    accepted,
    engines_for_everything,
    make_job,
    media,
    stage_status,
    succeeded,
)

from dalston_crds.part_set import PartSet
from dalston_crds.stage_messages import StageResult
from dalston_crds.v1alpha1 import JobStatus, JobWarning, PartFailure, StageName, StageState
from dalston_operator.cluster import Observation
from dalston_operator.pipeline import PER_PART
from dalston_operator.plan import plan
from dalston_operator.rounds import ObservedRound, RoundEnd

PARTS = 32 * 120
LIMIT = 64 * 1024
EVERY_OTHER = str(PartSet.of(range(0, PARTS, 2)))
OTHERS = PartSet.of(range(1, PARTS, 2))
CHANNELS: dict[str, Any] = {
    "speakers": {"mode": "PerChannel"},
    "enrich": {"detect": ["Emotion"]},
}


def size(status: JobStatus) -> int:
    return len(status.model_dump_json(by_alias=True, exclude_none=True).encode())


def test_ten_hours_of_32_channels_fit_in_64_kib() -> None:
    """All stages at once, which no job can have: each has every other part done."""
    worst = [
        stage_status(
            name,
            state=StageState.RUNNING,
            parts=PARTS,
            completed_parts=EVERY_OTHER,
            failed_parts=str(OTHERS) if name is StageName.DETECT else "",
            failures=tuple(PartFailure(part=part, message="x" * 256) for part in range(5)),
            message="x" * 512,
        )
        for name in sorted(PER_PART)
    ]
    rest = [succeeded(name) for name in StageName if name not in PER_PART]
    status = JobStatus(media=media(minutes=600, channels=32), stages=(*worst, *rest))
    assert size(status) <= LIMIT


def failed_in_every_other_part(stage: StageName) -> ObservedRound:
    """A round whose indexes have all failed, each saying so at length."""
    failures = [PartFailure(part=part, message="x" * 256) for part in OTHERS]
    results = tuple(
        StageResult(index=index, failures=tuple(failures[first : first + 5]), message="x" * 512)
        for index, first in enumerate(range(0, len(failures), 5))
    )
    done = StageResult(index=len(results), finished=EVERY_OTHER)
    return ObservedRound("uid", stage, 0, results=(*results, done), end=RoundEnd.FAILED)


@pytest.mark.parametrize("at_work", [StageName.TRANSCRIBE, StageName.ALIGN], ids=str)
def test_it_fits_when_every_other_part_of_all_that_can_run_at_once_has_failed(
    at_work: StageName,
) -> None:
    before = [succeeded(StageName.PREPARE)]
    if at_work is StageName.ALIGN:
        before.append(succeeded(StageName.TRANSCRIBE, PARTS))
    told = tuple(
        JobWarning(stage=at_work, reason="Quiet", message=f"{part}" + "x" * 200)
        for part in range(32)
    )
    seen = accepted(
        make_job(**CHANNELS),
        engines_for_everything(),
        *before,
        *(stage_status(name, parts=PARTS) for name in (at_work, StageName.DETECT)),
        media=media(minutes=600, channels=32),
        warnings=told,
    )
    rounds = tuple(map(failed_in_every_other_part, (at_work, StageName.DETECT)))
    status = plan(Observation(seen.job, seen.frozen, seen.engines, rounds=rounds), NOW).status
    assert status is not None
    ended = [stage for stage in status.stages if stage.name in (at_work, StageName.DETECT)]
    assert [stage.failed_parts for stage in ended] == [str(OTHERS)] * 2
    assert size(status) <= LIMIT
