"""Engine: a model or tool behind one or more stages. Selection reads this and nothing else.

Generated from an engine folder's ``engine.yaml``, or applied by a user who brings an own image.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from dalston_crds.v1alpha1.meta import Condition, ConditionStatus, Resource, ShortText, Uri, Wire

CONTRACT = 1
"""The stage contract this version speaks; the operator speaks it and the one before."""

LanguageTag = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*)$")]
Argument = Annotated[str, StringConstraints(max_length=1024)]


class StageName(StrEnum):
    """Every stage a plan can hold, in the order of the pipeline."""

    PREPARE = "prepare"
    LANGUAGE = "language"
    TRANSCRIBE = "transcribe"
    ALIGN = "align"
    DIARIZE = "diarize"
    SPEAKER_LINK = "speaker-link"
    DETECT = "detect"
    MERGE = "merge"
    PII_DETECT = "pii-detect"
    AUDIO_REDACT = "audio-redact"
    VERIFY = "verify"
    REFINE = "refine"
    EXPORT = "export"
    PURGE = "purge"


class DeviceType(StrEnum):
    """What a stage pod computes on."""

    CPU = "Cpu"
    GPU = "Gpu"


class VocabularySupport(StrEnum):
    """How an engine favours a job's vocabulary."""

    NONE = "None"
    PROMPT = "Prompt"
    BOOST = "Boost"


class Timestamps(StrEnum):
    """A granularity of times, coarse to fine."""

    NONE = "None"
    SEGMENT = "Segment"
    WORD = "Word"
    CHARACTER = "Character"

    @property
    def fineness(self) -> int:
        """0 for None up to 3 for Character, so that granularities compare."""
        return tuple(Timestamps).index(self)


class WeightsSource(Wire):
    """Where a model's weights come from; none of it is fetched without being asked."""

    bundled: bool = Field(default=False, description="The package or image carries them.")
    repository: ShortText = Field(default="", description="Hugging Face repository, if any.")
    files: tuple[ShortText, ...] = Field(
        default=(), max_length=64, description="Files that must be present."
    )


class EngineModel(Wire):
    """One model an engine can load."""

    name: ShortText = Field(description="Name a job's spec.model may give.")
    languages: tuple[LanguageTag, ...] = Field(
        default=(), max_length=256, description="Languages, if fewer than the engine's."
    )
    translates: bool = Field(default=True, description="False: not even if its engine can.")
    quality: int = Field(default=0, ge=0, le=1000, description="Higher is chosen first by auto.")
    weights: WeightsSource = Field(default_factory=WeightsSource, description="Its weights.")


class Device(Wire):
    """One way to run the engine: resources, speed and price."""

    type: DeviceType = Field(description="Cpu or Gpu.")
    cpu_milli: int = Field(default=1000, ge=1, le=256_000, description="CPU request, millicores.")
    memory_mebibytes: int = Field(default=512, ge=1, le=4_194_304, description="Memory limit.")
    gpus: int = Field(default=0, ge=0, le=16, description="GPUs or MIG slices.")
    speed_milli: int = Field(
        default=1000, ge=1, description="Audio seconds per second, thousandths."
    )
    start_up_seconds: int = Field(
        default=1, ge=0, le=86_400, description="Container to first part."
    )
    node_pool: ShortText = Field(default="", description="Named pool of nodes; empty: any.")
    price_micros_per_hour: int = Field(
        default=0, ge=0, description="Price of the device, millionths of the currency."
    )


class Capabilities(Wire):
    """What the engine can do. Selection trusts it; the drivers hold the engine to it."""

    timestamps: Timestamps = Field(default=Timestamps.NONE, description="Finest times given.")
    translate: bool = Field(default=False, description="Can translate to English.")
    detects_language: bool = Field(default=False, description="Finds the language itself.")
    diarizes: bool = Field(default=False, description="Gives speakers with the words.")
    max_speakers: int = Field(default=0, ge=0, le=1000, description="0: no bound.")
    vocabulary: VocabularySupport = Field(
        default=VocabularySupport.NONE, description="How a vocabulary is favoured."
    )
    prompt: bool = Field(default=False, description="Takes a style prompt.")
    confidence: bool = Field(default=False, description="Gives word confidences.")
    token_logprobs: bool = Field(default=False, description="Gives token log probabilities.")
    streaming: bool = Field(default=False, description="Serves realtime sessions.")
    entities: tuple[ShortText, ...] = Field(
        default=(), max_length=128, description="Entity types a detector can find."
    )
    detects: tuple[ShortText, ...] = Field(
        default=(), max_length=16, description="Enrichments found in sound."
    )
    refines: tuple[ShortText, ...] = Field(
        default=(), max_length=16, description="Enrichments found in text."
    )


class Limits(Wire):
    """What the engine refuses."""

    max_audio_seconds: int = Field(default=0, ge=0, description="Longest part; 0: no bound.")


class EngineSpec(Wire):
    """What an engine is and what it needs."""

    contract: int = Field(default=CONTRACT, ge=1, description="Stage contract it was built for.")
    description: Annotated[str, StringConstraints(max_length=512)] = Field(
        description="One sentence for the person who chooses."
    )
    stages: tuple[StageName, ...] = Field(
        min_length=1, max_length=16, description="Stages it covers, in order."
    )
    image: ShortText = Field(default="", description="Container image.")
    command: tuple[Argument, ...] = Field(default=(), max_length=64, description="Its command.")
    models: tuple[EngineModel, ...] = Field(default=(), max_length=64, description="Its models.")
    languages: tuple[LanguageTag, ...] = Field(
        default=("*",), max_length=256, description="Languages; * for any."
    )
    capabilities: Capabilities = Field(default_factory=Capabilities, description="What it can do.")
    limits: Limits = Field(default_factory=Limits, description="What it refuses.")
    devices: tuple[Device, ...] = Field(
        min_length=1, max_length=8, description="Ways to run it, preferred first."
    )
    rank: int = Field(default=0, ge=-1000, le=1000, description="Tie-breaker; higher first.")
    data_leaves_cluster: bool = Field(
        default=False, description="Audio or text is sent to somebody else's service."
    )
    homepage: Uri | None = Field(default=None, description="Where its model is described.")


class ModelStatus(Wire):
    """A model that cannot be loaded."""

    name: ShortText = Field(description="The model.")
    missing: Annotated[str, StringConstraints(max_length=1024)] = Field(
        description="What is missing and how to provide it."
    )


class EngineStatus(Wire):
    """Whether the engine can run."""

    observed_generation: int = Field(default=-1, description="Generation last judged.")
    conditions: tuple[Condition, ...] = Field(default=(), max_length=8, description="Ready.")
    missing_models: tuple[ModelStatus, ...] = Field(
        default=(), max_length=64, description="Models whose weights are not there."
    )


class Engine(Resource):
    """A model or tool behind one or more stages."""

    kind: Literal["Engine"] = "Engine"
    spec: EngineSpec = Field(description="What it is.")
    status: EngineStatus = Field(default_factory=EngineStatus, description="Whether it can run.")

    @property
    def name(self) -> str:
        """The name jobs use."""
        return self.metadata.name

    def not_ready(self) -> str:
        """Why the engine cannot run here; empty when nothing says so."""
        for condition in self.status.conditions:
            if condition.type == "Ready" and condition.status is ConditionStatus.FALSE:
                return condition.message or condition.reason
        return ""
