"""How a local job ended, for the person or program that asked."""

from dataclasses import dataclass
from pathlib import Path

from dalston_cli.errors import CommandError
from dalston_cli.local.database import Row
from dalston_crds.transcript import Transcript
from dalston_crds.v1alpha1 import FailureKind, StageState, TranscriptionJob
from dalston_engines.storage import local_path
from dalston_operator.conditions import FAILED, REFUSED

DOCUMENT = "transcript.json"


@dataclass(frozen=True)
class Outcome:
    """One file's job after its end."""

    path: Path
    job: TranscriptionJob
    document: Transcript | None
    problem: str
    """Why there is no transcript; empty when there is one."""

    @property
    def reason(self) -> str:
        """The Failed condition's reason; empty when the job is complete."""
        condition = self.job.status.condition(FAILED)
        return condition.reason if condition is not None and self.problem else ""

    @property
    def users_fault(self) -> bool:
        """Whether another input or option would have worked."""
        if self.reason == REFUSED:
            return True
        failed = [s for s in self.job.status.stages if s.state is StageState.FAILED]
        kinds = {failure.kind for stage in failed for failure in stage.failures}
        return FailureKind.INPUT in kinds


def outcome_of(row: Row | None, name: str, path: Path) -> Outcome:
    """The outcome of an ended job; raises CommandError when it has been deleted meanwhile."""
    if row is None:
        raise CommandError(f"job {name} was deleted while it ran")
    failed = row.job.status.condition(FAILED)
    if row.job.holds(FAILED) and failed is not None:
        return Outcome(path, row.job, None, failed.message)
    return Outcome(path, row.job, document_of(row.job), "")


def document_of(job: TranscriptionJob) -> Transcript:
    """The transcript of a complete job."""
    return Transcript.model_validate_json(rendering_of(job, DOCUMENT))


def rendering_of(job: TranscriptionJob, name: str) -> bytes:
    """One of the finished renderings; raises CommandError when its file is gone."""
    files = job.status.result.files if job.status.result else ()
    for file in files:
        if file.name == name:
            try:
                return local_path(file.uri).read_bytes()
            except OSError as error:
                raise CommandError(
                    f"{local_path(file.uri)} cannot be read: {error.strerror}; run the job again"
                ) from error
    raise CommandError(f"job {job.metadata.name} has no {name}: it is not complete")
