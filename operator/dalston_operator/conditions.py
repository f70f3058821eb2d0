"""What the user is told: condition types, reasons, and how they follow from a verdict. Pure.

``Reconciling`` is True until the job has ended and says why it waits and what to do; ``Complete``
or ``Failed`` is True when it has; ``Stalled`` equals Failed, for kstatus.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dalston_crds.v1alpha1 import Condition, ConditionStatus

RECONCILING = "Reconciling"
COMPLETE = "Complete"
FAILED = "Failed"
STALLED = "Stalled"

# Why a job that has not ended is where it is.
QUEUED = "Queued"
"""Waiting for its turn."""
QUOTA = "Quota"
"""A quota of the namespace leaves no room for its pods."""
UNSCHEDULABLE = "Unschedulable"
"""No node fits its pods."""
IMAGE_PULL = "ImagePull"
"""An image cannot be pulled."""
WEIGHTS = "Weights"
"""A model's weights are being fetched or are missing."""
UPSTREAM = "Upstream"
"""A service the engine needs does not answer."""
KUEUE = "Kueue"
"""Kueue has not admitted it yet."""
SUSPENDED = "Suspended"
"""spec.suspend is set."""
WORKING = "Working"
"""Stages are running."""
ENDING = "Ending"
"""Stages are being stopped."""

# How a job ended.
FINISHED = "Finished"
REFUSED = "Refused"
"""Nothing here can serve it."""
STAGE_FAILED = "StageFailed"
CANCELLED = "Cancelled"
DEADLINE_EXCEEDED = "DeadlineExceeded"


@dataclass(frozen=True)
class Verdict:
    """Where a job stands: ended well, ended badly, or on its way."""

    kind: str
    """RECONCILING, COMPLETE or FAILED."""
    reason: str
    message: str


def conditions_for(
    verdict: Verdict, before: Sequence[Condition], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """The four conditions; a transition time moves only when its status does."""
    kept = {condition.type: condition for condition in before}

    def condition(kind: str, holds: bool) -> Condition:
        status = ConditionStatus.TRUE if holds else ConditionStatus.FALSE
        earlier = kept.get(kind)
        since = earlier.last_transition_time if earlier and earlier.status is status else now
        return Condition(
            type=kind,
            status=status,
            reason=verdict.reason,
            message=verdict.message[:2048],
            last_transition_time=since,
            observed_generation=generation,
        )

    failed = verdict.kind == FAILED
    return (
        condition(RECONCILING, verdict.kind == RECONCILING),
        condition(COMPLETE, verdict.kind == COMPLETE),
        condition(FAILED, failed),
        condition(STALLED, failed),
    )
