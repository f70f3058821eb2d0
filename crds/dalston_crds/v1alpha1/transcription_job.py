"""TranscriptionJob: one piece of audio to be written down. Namespaced, short name ``tj``."""

from typing import Literal

from pydantic import Field

from dalston_crds.v1alpha1.job_spec import JobSpec
from dalston_crds.v1alpha1.job_status import JobStatus
from dalston_crds.v1alpha1.meta import ConditionStatus, Resource


class TranscriptionJob(Resource):
    """One piece of audio to be written down."""

    kind: Literal["TranscriptionJob"] = "TranscriptionJob"
    spec: JobSpec = Field(description="What is asked for.")
    status: JobStatus = Field(default_factory=JobStatus, description="What is known.")

    def holds(self, kind: str) -> bool:
        """Whether the condition *kind* is True."""
        condition = self.status.condition(kind)
        return condition is not None and condition.status is ConditionStatus.TRUE

    @property
    def finished(self) -> bool:
        """Whether the job has ended, well or not, and no newer retry asks for more."""
        ended = self.holds("Complete") or self.holds("Failed")
        return ended and self.status.retry >= self.spec.retry
