"""What a user asks for: the spec of a TranscriptionJob.

Immutable once created but for ``suspend, cancel, retry, priority, retentionDays`` and
``ttlSecondsAfterFinished`` (``MUTABLE_FIELDS``).
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from dalston_crds.v1alpha1.engine import StageName, Timestamps
from dalston_crds.v1alpha1.meta import DnsName, LanguageCode, Milli, ShortText, Uri, Wire

MUTABLE_FIELDS = frozenset(
    {"suspend", "cancel", "retry", "priority", "retention_days", "ttl_seconds_after_finished"}
)
MAX_SPEAKERS = 32

Term = Annotated[str, StringConstraints(min_length=1, max_length=50)]
SpeakerCount = Annotated[int, Field(ge=1, le=MAX_SPEAKERS)]


class Task(StrEnum):
    """Whether the words stay in the spoken language."""

    TRANSCRIBE = "Transcribe"
    TRANSLATE = "Translate"


class SpeakerMode(StrEnum):
    """How words get their speakers."""

    NONE = "None"
    DIARIZE = "Diarize"
    PER_CHANNEL = "PerChannel"


class RedactAudio(StrEnum):
    """What replaces the sound of an entity."""

    NONE = "None"
    SILENCE = "Silence"
    BEEP = "Beep"


class Verify(StrEnum):
    """Whether a redaction that cannot be verified is refused."""

    REQUIRED = "Required"
    BEST_EFFORT = "BestEffort"


class Detection(StrEnum):
    """Enrichment found in the sound."""

    EMOTION = "Emotion"
    EVENTS = "Events"


class Refinement(StrEnum):
    """Enrichment found in the text by a language model."""

    CLEANUP = "Cleanup"
    SUMMARY = "Summary"
    TOPICS = "Topics"
    ACTION_ITEMS = "ActionItems"
    SENTIMENT = "Sentiment"


class Execution(StrEnum):
    """Where stages run: a Job that loads the model, or a warm pool."""

    AUTO = "Auto"
    ISOLATED = "Isolated"
    WARM = "Warm"


class OutputFormat(StrEnum):
    """A rendering of the transcript."""

    TXT = "Txt"
    SRT = "Srt"
    VTT = "Vtt"
    JSON = "Json"
    DOCX = "Docx"
    HTML = "Html"
    PDF = "Pdf"
    SEGMENTED_JSON = "SegmentedJson"


class Source(Wire):
    """Where the audio is."""

    uri: Uri = Field(description="Address of the media: s3, gs, az, https, or file in local mode.")
    credentials_secret_ref: DnsName | None = Field(
        default=None, description="Secret of the job's namespace that opens the address."
    )
    duration_hint_seconds: int | None = Field(
        default=None, ge=0, le=1_000_000, description="Rough length; ranks engines, nothing else."
    )


class SpeakerReference(Wire):
    """A clip of a known voice."""

    name: ShortText = Field(description="The speaker's name in the document.")
    uri: Uri = Field(description="Address of 2 to 30 s of that voice alone.")


class Speakers(Wire):
    """How speakers are told apart, and how many there are."""

    mode: SpeakerMode = Field(default=SpeakerMode.NONE, description="None, Diarize or PerChannel.")
    count: SpeakerCount | None = Field(default=None, description="Exact number of speakers.")
    min: SpeakerCount | None = Field(default=None, description="At least this many speakers.")
    max: SpeakerCount | None = Field(default=None, description="At most this many speakers.")
    names: tuple[ShortText, ...] = Field(
        default=(), max_length=MAX_SPEAKERS, description="Labels in order of channel or of speech."
    )
    references: tuple[SpeakerReference, ...] = Field(
        default=(), max_length=MAX_SPEAKERS, description="Clips of known voices."
    )

    @model_validator(mode="after")
    def _bounds_agree(self) -> "Speakers":
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("speakers.min must not exceed speakers.max")
        if self.count is not None and (self.min is not None or self.max is not None):
            raise ValueError("give either speakers.count or speakers.min and speakers.max")
        return self


class Privacy(Wire):
    """Which entities are found and how they are taken out."""

    entities: tuple[ShortText, ...] = Field(
        min_length=1, max_length=64, description="Entity types or the groups pii, pci, phi."
    )
    min_confidence_milli: Milli = Field(default=500, description="Least confidence, thousandths.")
    redact_text: bool = Field(default=True, description="Replace entities in every text.")
    redact_audio: RedactAudio = Field(default=RedactAudio.NONE, description="Replace their sound.")
    buffer_milliseconds: int = Field(
        default=50, ge=0, le=500, description="Extra sound removed on each side."
    )
    verify: Verify = Field(default=Verify.REQUIRED, description="Refuse what cannot be verified.")


class Enrich(Wire):
    """Optional extra findings; their failure is a warning, never the job's."""

    detect: tuple[Detection, ...] = Field(default=(), max_length=8, description="From the sound.")
    refine: tuple[Refinement, ...] = Field(default=(), max_length=8, description="From the text.")


class StageOverride(Wire):
    """Settings of one stage that differ from its defaults."""

    name: StageName = Field(description="The stage.")
    engine: ShortText | None = Field(default=None, description="Engine to use; never falls back.")
    required: bool | None = Field(default=None, description="Whether its failure fails the job.")
    retries: int | None = Field(default=None, ge=0, le=10, description="Tries again per index.")
    timeout_seconds: int | None = Field(
        default=None, ge=1, le=604_800, description="Longest time between two finished parts."
    )


class Output(Wire):
    """A rendering delivered to the user's own place."""

    format: OutputFormat = Field(description="Which rendering.")
    uri: Uri = Field(description="Address of the object to write.")


class Notify(Wire):
    """Who is told when the job ends."""

    webhook_ids: tuple[ShortText, ...] = Field(
        default=(), max_length=16, description="Registered webhooks; none means all of the tenant."
    )
    metadata: Annotated[str, StringConstraints(max_length=8192)] = Field(
        default="", description="JSON text returned in the webhook's body."
    )


class JobSpec(Wire):
    """What a user asks for."""

    source: Source = Field(description="Where the audio is.")
    task: Task = Field(default=Task.TRANSCRIBE, description="Transcribe, or translate to English.")
    model: ShortText = Field(default="auto", description="Model or engine; auto chooses by rank.")
    language: LanguageCode | None = Field(default=None, description="BCP 47; unset: detected.")
    speakers: Speakers = Field(default_factory=Speakers, description="How speakers are told apart.")
    timestamps: Timestamps = Field(default=Timestamps.WORD, description="Finest times wanted.")
    vocabulary: tuple[Term, ...] = Field(
        default=(), max_length=500, description="Words and phrases to favour."
    )
    prompt: Annotated[str, StringConstraints(max_length=4096)] = Field(
        default="", description="Text that sets the style, for models that take one."
    )
    temperature_milli: Milli = Field(default=0, description="Sampling temperature, thousandths.")
    privacy: Privacy | None = Field(default=None, description="What is found and taken out.")
    enrich: Enrich = Field(default_factory=Enrich, description="Optional extra findings.")
    stages: tuple[StageOverride, ...] = Field(
        default=(), max_length=16, description="Per-stage settings (list map by name)."
    )
    execution: Execution = Field(default=Execution.AUTO, description="Isolated Jobs or warm pools.")
    parallelism: int = Field(default=8, ge=1, le=1000, description="Most pods of one stage.")
    outputs: tuple[Output, ...] = Field(
        default=(), max_length=16, description="Deliveries to the user's own place."
    )
    notify: Notify = Field(default_factory=Notify, description="Who is told when it ends.")
    priority: int = Field(default=0, ge=-1000, le=1000, description="Higher starts first.")
    pending_timeout_seconds: int = Field(
        default=1800, ge=10, le=604_800, description="Longest wait for a pod's container to start."
    )
    deadline_seconds: int = Field(
        default=604_800, ge=10, le=2_592_000, description="Longest life, from creation to the end."
    )
    suspend: bool = Field(default=False, description="Start nothing new, pause what runs.")
    cancel: bool = Field(default=False, description="End the job; cannot be taken back.")
    retry: int = Field(default=0, ge=0, le=1000, description="Raise it to plan failures anew.")
    retention_days: int = Field(
        default=30, ge=-1, le=3650, description="0: until delivered; -1: for ever."
    )
    ttl_seconds_after_finished: int | None = Field(
        default=None, ge=0, le=31_536_000, description="When the object itself may go."
    )

    @model_validator(mode="after")
    def _stages_named_once(self) -> "JobSpec":
        names = [stage.name for stage in self.stages]
        if len(names) != len(set(names)):
            raise ValueError("each stage may appear once in spec.stages")
        return self

    def override(self, stage: StageName) -> StageOverride:
        """The override of *stage*; an empty one when the job has none."""
        found = (entry for entry in self.stages if entry.name == stage)
        return next(found, StageOverride(name=stage))
