"""What the operator reports: the status of a TranscriptionJob. At most 64 KiB."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from dalston_crds.v1alpha1.engine import StageName
from dalston_crds.v1alpha1.meta import Condition, Intervals, Milli, ShortText, Timestamp, Uri, Wire

MAX_WARNINGS = 32
MAX_PART_FAILURES = 5
Count = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")]


class StageState(StrEnum):
    """How far a stage is; the last three are terminal and never left but by retry."""

    WAITING = "Waiting"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"

    @property
    def terminal(self) -> bool:
        """Whether the stage has ended."""
        return self in (StageState.SUCCEEDED, StageState.FAILED, StageState.SKIPPED)


class Media(Wire):
    """Facts of the original media, never of a converted copy."""

    container: ShortText = Field(default="", description="Container format, such as wav.")
    codec: ShortText = Field(default="", description="Audio codec, such as pcm_mulaw.")
    channels: int = Field(ge=1, le=32, description="Audio channels of the original.")
    sample_rate_hertz: Count = Field(description="Sample rate of the original.")
    duration_milliseconds: Count = Field(description="Length on the player's clock.")
    speech_milliseconds: Count = Field(default=0, description="Speech found, summed over tracks.")
    bytes: Count = Field(default=0, description="Size of the source.")
    sha256: Sha256 = Field(default="", description="Digest of the source.")


class FailureKind(StrEnum):
    """Whose fault a failure is."""

    INPUT = "Input"
    CRASH = "Crash"
    UNAVAILABLE = "Unavailable"
    TIMEOUT = "Timeout"


class PartFailure(Wire):
    """Why a part failed."""

    part: Count = Field(description="Part number.")
    kind: FailureKind = Field(default=FailureKind.CRASH, description="Whose fault it is.")
    message: Annotated[str, StringConstraints(max_length=256)] = Field(description="What happened.")


class StageTimings(Wire):
    """Where a stage's time went, summed over its rounds."""

    queued_milliseconds: Count = Field(default=0, description="Waiting for a place to run.")
    pulled_milliseconds: Count = Field(default=0, description="Pulling images.")
    started_milliseconds: Count = Field(default=0, description="Starting up and loading models.")
    worked_milliseconds: Count = Field(default=0, description="Working on parts.")


class StageStatus(Wire):
    """One node of the plan."""

    name: StageName = Field(description="The first stage it covers.")
    covers: tuple[StageName, ...] = Field(
        default=(), max_length=16, description="All stages that run in one pod here."
    )
    state: StageState = Field(default=StageState.WAITING, description="How far it is.")
    engine: ShortText = Field(default="", description="The engine that runs it.")
    candidate: Count = Field(default=0, description="Place of the engine among its fallbacks.")
    round: Count = Field(default=0, description="Number of the current round.")
    parts: Count = Field(default=0, description="Parts in all; 0 while not known.")
    completed_parts: Intervals = Field(default="", description="Finished parts.")
    failed_parts: Intervals = Field(default="", description="Parts given up.")
    failures: tuple[PartFailure, ...] = Field(
        default=(), max_length=MAX_PART_FAILURES, description="The first failures."
    )
    attempts: Count = Field(default=0, description="Rounds that ended with work undone.")
    start_failures: Count = Field(default=0, description="Rounds that never started.")
    timings: StageTimings = Field(default_factory=StageTimings, description="Where time went.")
    image_id: ShortText = Field(default="", alias="imageID", description="Image that ran.")
    message: Annotated[str, StringConstraints(max_length=512)] = Field(
        default="", description="Why it failed or was skipped."
    )


class ResultFile(Wire):
    """One finished object."""

    name: ShortText = Field(description="Such as transcript.json.")
    uri: Uri = Field(description="Its address.")
    sha256: Sha256 = Field(default="", description="Its digest.")
    bytes: Count = Field(default=0, description="Its size.")


class Result(Wire):
    """What came out: addresses, digests and counts, never text."""

    files: tuple[ResultFile, ...] = Field(
        default=(), max_length=32, description="Renderings and redacted media."
    )
    language: ShortText = Field(default="", description="Language of the words.")
    words: Count = Field(default=0, description="Words in the document.")
    segments: Count = Field(default=0, description="Segments in the document.")
    speakers: Count = Field(default=0, description="Speakers in the document.")
    characters: Count = Field(default=0, description="Characters of its text.")
    entities: Count = Field(default=0, description="Private entities found.")


class JobWarning(Wire):
    """Something the user should know that did not fail the job."""

    stage: StageName = Field(description="Where it arose.")
    reason: Annotated[str, StringConstraints(max_length=63)] = Field(description="A stable word.")
    message: Annotated[str, StringConstraints(max_length=512)] = Field(description="What it means.")


class Usage(Wire):
    """What the job cost."""

    audio_milliseconds: Count = Field(default=0, description="Length of the media.")
    channel_milliseconds: Count = Field(default=0, description="Length summed over tracks.")
    device_milliseconds: Count = Field(default=0, description="Work summed over devices.")
    cost_micros: Count = Field(default=0, description="Estimated cost, millionths of the currency.")


class JobStatus(Wire):
    """What the operator reports."""

    observed_generation: int = Field(default=-1, description="Generation last acted on.")
    conditions: tuple[Condition, ...] = Field(
        default=(), max_length=8, description="Reconciling, Complete, Failed, Stalled."
    )
    media: Media | None = Field(default=None, description="Facts of the source.")
    stages: tuple[StageStatus, ...] = Field(
        default=(), max_length=16, description="The plan's nodes (list map by name)."
    )
    language: ShortText = Field(default="", description="Language decided for all parts.")
    retry: Count = Field(default=0, description="The spec.retry last acted on.")
    progress: Milli = Field(default=0, description="Work done, thousandths.")
    result: Result | None = Field(default=None, description="What came out.")
    warnings: tuple[JobWarning, ...] = Field(
        default=(), max_length=MAX_WARNINGS, description="The first warnings."
    )
    usage: Usage | None = Field(default=None, description="What it cost.")
    started_at: Timestamp | None = Field(default=None, description="When the first stage started.")
    finished_at: Timestamp | None = Field(default=None, description="When the job ended.")

    def condition(self, kind: str) -> Condition | None:
        """The condition of type *kind*, if there is one."""
        return next((entry for entry in self.conditions if entry.type == kind), None)

    def stage(self, name: StageName) -> StageStatus | None:
        """The node that covers *name*, if the plan has it."""
        found = (node for node in self.stages if node.name == name or name in node.covers)
        return next(found, None)
