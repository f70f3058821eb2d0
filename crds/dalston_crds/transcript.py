"""The transcript document: what a job's ``transcript.json`` holds. Times in seconds of the media.

A field an engine gave nothing for is absent (None), never invented. Texts that readers see are
built from ``segments``; ``text`` is their join.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

VERSION = "1.0"

LanguageSource = Literal["requested", "detected", "engine"]
"""Who says which language it is: the job, the engine's detection, or an engine that knows one."""

Seconds = Annotated[float, Field(allow_inf_nan=False)]


class DocumentPart(BaseModel):
    """Base of the document's parts: frozen, snake_case, no unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Character(DocumentPart):
    """One character and its time."""

    text: str
    start: Seconds
    end: Seconds


class Phoneme(DocumentPart):
    """One phoneme and its time."""

    text: str
    start: Seconds
    end: Seconds


class Token(DocumentPart):
    """One token of the model, with the natural logarithm of its probability."""

    text: str
    id: int | None = None
    logprob: float | None = None


class Word(DocumentPart):
    """One spoken word; confidence from 0 to 1."""

    text: str
    start: Seconds
    end: Seconds
    confidence: float | None = None
    speaker: str | None = None
    channel: int | None = None
    characters: tuple[Character, ...] | None = None
    phonemes: tuple[Phoneme, ...] | None = None
    alignment_method: str | None = None
    language: str | None = None


class AudioEvent(DocumentPart):
    """A sound that is not speech."""

    type: str
    start: Seconds
    end: Seconds
    confidence: float | None = None


class Segment(DocumentPart):
    """A stretch of speech by one speaker. Engines leave ``id`` empty; merge numbers them."""

    id: str = ""
    start: Seconds
    end: Seconds
    text: str
    redacted_text: str | None = None
    speaker: str | None = None
    channel: int | None = None
    language: str | None = None
    words: tuple[Word, ...] | None = None
    tokens: tuple[Token, ...] | None = None
    temperature: float | None = None
    confidence: float | None = None
    avg_logprob: float | None = None
    compression_ratio: float | None = None
    no_speech_prob: float | None = None
    speaker_confidence: float | None = None
    emotion: str | None = None
    emotion_confidence: float | None = None
    events: tuple[AudioEvent, ...] = ()


class Paragraph(DocumentPart):
    """Segments that read as one."""

    start: Seconds
    end: Seconds
    speaker: str | None = None
    text: str
    segments: tuple[str, ...] = ()


class Speaker(DocumentPart):
    """Who speaks: ``id`` is stable within the document, ``label`` is for people."""

    id: str
    label: str
    channel: int | None = None


class LanguageShare(DocumentPart):
    """One language heard."""

    code: str
    confidence: float | None = None
    is_primary: bool = False


class WarningStatus(StrEnum):
    """What became of the stage that warns."""

    SKIPPED = "skipped"
    FAILED = "failed"
    DEGRADED = "degraded"


class PipelineWarning(DocumentPart):
    """Something the reader should know."""

    stage: str
    status: WarningStatus
    reason: str
    message: str = ""
    fallback: str | None = None
    start: float | None = None
    end: float | None = None
    timestamp: datetime | None = None


class PiiEntity(DocumentPart):
    """One private entity: character offsets into ``text``, times in seconds."""

    entity_type: str
    category: Literal["pii", "pci", "phi"]
    start_offset: int
    end_offset: int
    start_time: float | None = None
    end_time: float | None = None
    confidence: float | None = None
    speaker: str | None = None
    redacted_value: str
    original_text: str | None = None


class PiiMetadata(DocumentPart):
    """How entities were found and removed."""

    engines: tuple[str, ...] = ()
    entity_types: tuple[str, ...] = ()
    counts: dict[str, int] = Field(default_factory=dict)
    redacted_audio: bool = False
    verified: bool | None = None


class ChannelLevel(DocumentPart):
    """Loudness facts of one track: dBFS relative to a full-scale sine's peak amplitude of 1."""

    channel: int | None
    peak_dbfs: float
    rms_dbfs: float
    clipped_samples: int = 0


class Metadata(DocumentPart):
    """Facts of the media and of how the document was made."""

    audio_duration: float
    audio_channels: int
    sample_rate: int
    container: str = ""
    codec: str = ""
    source_sha256: str = ""
    levels: tuple[ChannelLevel, ...] = ()
    language: str | None = None
    language_confidence: float | None = None
    language_source: LanguageSource | None = None
    languages: tuple[LanguageShare, ...] = ()
    word_timestamps: bool = False
    word_timestamps_requested: bool = False
    timestamps: str = "None"
    speaker_detection: str = "None"
    speaker_count: int = 0
    model: str = ""
    engines: dict[str, str] = Field(default_factory=dict)
    gap_seconds: float = 0.0
    unexplained_loud_seconds: float = 0.0
    created_at: datetime | None = None
    completed_at: datetime | None = None
    pipeline_stages: tuple[str, ...] = ()
    pipeline_warnings: tuple[PipelineWarning, ...] = ()


class Transcript(DocumentPart):
    """The whole document."""

    job_id: str
    version: str = VERSION
    metadata: Metadata
    text: str
    speakers: tuple[Speaker, ...] = ()
    segments: tuple[Segment, ...] = ()
    paragraphs: tuple[Paragraph, ...] = ()
    summary: str | None = None
    topics: tuple[str, ...] | None = None
    action_items: tuple[str, ...] | None = None
    sentiment: str | None = None
    cleaned_text: str | None = None
    redacted_text: str | None = None
    pii_entities: tuple[PiiEntity, ...] = ()
    pii_metadata: PiiMetadata | None = None

    def encode(self) -> bytes:
        """The document as JSON; absent fields are left out."""
        return self.model_dump_json(exclude_none=True).encode()

    def speaker_label(self, identifier: str | None) -> str | None:
        """The label of a speaker id."""
        labels = {speaker.id: speaker.label for speaker in self.speakers}
        return labels.get(identifier, identifier) if identifier is not None else None
