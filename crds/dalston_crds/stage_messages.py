"""What the operator tells a stage (StageRequest) and what the stage answers (StageResult).

The request travels as a file; the result as a push and as the pod's termination message. Neither
ever carries text of a transcript, nor lists of addresses.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from dalston_crds.v1alpha1.engine import CONTRACT, DeviceType, StageName, Timestamps
from dalston_crds.v1alpha1.job_spec import Enrich, Output, Privacy, Source, Speakers, Task, Term
from dalston_crds.v1alpha1.job_status import JobWarning, Media, PartFailure
from dalston_crds.v1alpha1.meta import Intervals, ShortText, Timestamp, Uri, Wire

MAX_REQUEST_BYTES = 32 * 1024
MAX_RESULT_BYTES = 4_000


class ExitCode(IntEnum):
    """How a stage process ends; other codes are crashes and are tried again."""

    DONE = 0
    CRASHED = 1
    INPUT_WRONG = 65
    ENGINE_UNAVAILABLE = 69
    TERMINATED = 143


class Tracks(StrEnum):
    """Which tracks prepare writes."""

    MIX = "Mix"
    CHANNELS = "Channels"


class JobRef(Wire):
    """The job a message belongs to."""

    name: ShortText
    namespace: ShortText
    uid: ShortText


class SkippedStage(Wire):
    """An optional stage that failed, for the document's warnings."""

    stage: StageName
    reason: ShortText
    fallback: ShortText = ""


class StageOptions(Wire):
    """What of the job's spec a stage needs; every field of no concern keeps its default."""

    source: Source | None = None
    tracks: Tracks = Tracks.MIX
    shard_seconds: int = Field(default=300, ge=10, le=7200)
    max_audio_seconds: int = Field(default=86_400, ge=1)
    language: str | None = None
    task: Task = Task.TRANSCRIBE
    timestamps: Timestamps = Timestamps.WORD
    vocabulary: tuple[Term, ...] = ()
    prompt: str = ""
    temperature_milli: int = 0
    speakers: Speakers = Field(default_factory=Speakers)
    privacy: Privacy | None = None
    enrich: Enrich = Field(default_factory=Enrich)
    outputs: tuple[Output, ...] = ()


class StageRequest(Wire):
    """One round's work, the same for all its indexes."""

    contract: int = CONTRACT
    job: JobRef
    stage: StageName
    covers: tuple[StageName, ...]
    plan: tuple[StageName, ...] = Field(description="Every stage of the job's plan.")
    skipped: tuple[SkippedStage, ...] = ()
    round: int = Field(ge=0)
    parts: Intervals = Field(description="Parts of this round.")
    indexes: int = Field(ge=1, description="Pods the parts are split over, in runs.")
    engine: ShortText
    model: ShortText = ""
    device: DeviceType = DeviceType.CPU
    root: Uri = Field(description="Address below which the job's artifacts lie.")
    options: StageOptions = Field(default_factory=StageOptions)
    deadline: Timestamp | None = None
    traceparent: ShortText = ""


class FileFact(Wire):
    """One object a stage made: its name below the stage's folder, digest and size in bytes."""

    name: ShortText
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    bytes: int = Field(ge=0)


class DocumentFacts(Wire):
    """Counts of a merged document."""

    language: ShortText = ""
    words: int = 0
    segments: int = 0
    speakers: int = 0
    characters: int = 0
    entities: int = 0


class PartFacts(Wire):
    """What a finished part says of itself; kept in its manifest, so an adopted part says it too."""

    audio_milliseconds: int = Field(default=0, ge=0, description="Audio worked through.")
    parts: int = Field(default=0, ge=0, description="Parts of the later stages (prepare).")
    media: Media | None = None
    document: DocumentFacts | None = None
    files: tuple[FileFact, ...] = ()
    warnings: tuple[JobWarning, ...] = ()


class WorkTimings(Wire):
    """Where one index's time went, in milliseconds."""

    started_milliseconds: int = 0
    worked_milliseconds: int = 0
    engine_milliseconds: int = 0


class StageResult(Wire):
    """What one index has done so far; the last one has an exit code."""

    contract: int = CONTRACT
    index: int = Field(ge=0)
    finished: Intervals = ""
    audio_milliseconds: int = Field(default=0, ge=0, description="Audio worked through.")
    parts: int = Field(default=0, ge=0, description="Parts of the later stages (prepare).")
    media: Media | None = None
    document: DocumentFacts | None = None
    files: tuple[FileFact, ...] = Field(default=(), max_length=16)
    warnings: tuple[JobWarning, ...] = Field(default=(), max_length=8)
    failures: tuple[PartFailure, ...] = Field(default=(), max_length=5)
    timings: WorkTimings = Field(default_factory=WorkTimings)
    exit_code: int | None = None
    message: Annotated[str, StringConstraints(max_length=512)] = ""

    def encode(self) -> bytes:
        """JSON of at most 4,000 bytes.

        Where it would be longer it sheds warnings, all failures but the first, and at last finished
        parts from the end: those are lost results, which the next round adopts.
        """
        result = self
        while len(encoded := result._json()) > MAX_RESULT_BYTES:
            result = result._shorter(len(encoded) - MAX_RESULT_BYTES)
        return encoded

    def _json(self) -> bytes:
        return self.model_dump_json(by_alias=True, exclude_defaults=True).encode()

    def _shorter(self, excess: int) -> StageResult:
        if self.warnings:
            return self.model_copy(update={"warnings": self.warnings[:-1]})
        if len(self.failures) > 1:
            return self.model_copy(update={"failures": self.failures[:1]})
        if self.finished:
            kept, _, _ = self.finished[:-excess].rpartition(",")
            return self.model_copy(update={"finished": kept})
        return self.model_copy(update={"message": "", "files": ()})
