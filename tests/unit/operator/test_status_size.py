"""The status of the largest job fits where it must."""

from operator_fixtures import media, stage_status, succeeded

from dalston_crds.part_set import PartSet
from dalston_crds.v1alpha1 import JobStatus, PartFailure, StageName, StageState
from dalston_operator.pipeline import PER_PART

PARTS = 32 * 120
LIMIT = 64 * 1024


def test_ten_hours_of_32_channels_fit_in_64_kib() -> None:
    every_other = str(PartSet.of(range(0, PARTS, 2)))
    others = str(PartSet.of(range(1, PARTS, 2)))
    worst = [
        stage_status(
            name,
            state=StageState.RUNNING,
            parts=PARTS,
            completed_parts=every_other,
            failed_parts=others if name is StageName.DETECT else "",
            failures=tuple(PartFailure(part=part, message="x" * 256) for part in range(5)),
            message="x" * 512,
        )
        for name in sorted(PER_PART)
    ]
    rest = [succeeded(name) for name in StageName if name not in PER_PART]
    status = JobStatus(media=media(minutes=600, channels=32), stages=(*worst, *rest))
    assert len(status.model_dump_json(by_alias=True, exclude_none=True).encode()) <= LIMIT
