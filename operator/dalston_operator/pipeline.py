"""Which stages a job needs, and what each waits for. Pure.

    prepare ─┬─ language ─ transcribe ─ align ─┬─ merge ─ pii-detect ─┬─ audio-redact ─ verify ─┐
             ├─ diarize ─ speaker-link ────────┘                      └─ refine ────────────────┤
             └─ detect ──────────────────────────────────────────────────────── export ─ purge ─┘

Only prepare, transcribe, merge and export are always there.
"""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain

from dalston_crds.v1alpha1 import (
    Capabilities,
    JobSpec,
    RedactAudio,
    SpeakerMode,
    StageName,
    Timestamps,
)

PER_PART = frozenset({StageName.TRANSCRIBE, StageName.ALIGN, StageName.DIARIZE, StageName.DETECT})
"""Stages that work shard by shard; the others have one part."""

OPTIONAL = frozenset(
    {
        StageName.LANGUAGE,
        StageName.ALIGN,
        StageName.DIARIZE,
        StageName.SPEAKER_LINK,
        StageName.DETECT,
        StageName.REFINE,
    }
)
"""Stages whose failure is a warning, unless the job says otherwise."""

SKIPS_WITH = {StageName.SPEAKER_LINK: StageName.DIARIZE}
"""Stages that cannot run when another was skipped."""

FALLBACKS = {
    StageName.LANGUAGE: "language by the transcriber",
    StageName.ALIGN: "times of the transcriber",
    StageName.DIARIZE: "one speaker",
    StageName.SPEAKER_LINK: "one speaker",
    StageName.DETECT: "omitted",
    StageName.VERIFY: "redaction nobody has checked",
    StageName.REFINE: "unrefined transcript",
}
"""What the document has instead of a skipped stage's work."""


@dataclass(frozen=True)
class PipelineStage:
    """One stage and the stages it follows."""

    name: StageName
    needs: tuple[StageName, ...]

    @property
    def per_part(self) -> bool:
        """Whether it works shard by shard."""
        return self.name in PER_PART


def pipeline(spec: JobSpec, transcriber: Capabilities) -> tuple[PipelineStage, ...]:
    """The job's stages in an order in which each follows what it needs."""
    names = tuple(_names(spec, transcriber))
    return tuple(PipelineStage(name, _needs(name, names)) for name in names)


def without(
    stages: Iterable[PipelineStage], absent: AbstractSet[StageName]
) -> tuple[PipelineStage, ...]:
    """The stages but the absent ones; what followed those follows what they followed."""
    needs: dict[StageName, tuple[StageName, ...]] = {}
    for stage in stages:
        kept = (needs[need] if need in absent else (need,) for need in stage.needs)
        needs[stage.name] = tuple(dict.fromkeys(chain.from_iterable(kept)))
    return tuple(PipelineStage(name, needs[name]) for name in needs if name not in absent)


def aligned(wanted: Timestamps, transcriber: Capabilities) -> bool:
    """Whether times finer than the transcriber gives are wanted."""
    finer_than_segments = wanted.fineness >= Timestamps.WORD.fineness
    return finer_than_segments and wanted.fineness > transcriber.timestamps.fineness


def _names(spec: JobSpec, transcriber: Capabilities) -> Iterator[StageName]:
    diarize = spec.speakers.mode is SpeakerMode.DIARIZE and not transcriber.diarizes
    wanted = {
        StageName.LANGUAGE: spec.language is None and transcriber.detects_language,
        StageName.ALIGN: aligned(spec.timestamps, transcriber),
        StageName.DIARIZE: diarize,
        StageName.SPEAKER_LINK: diarize,
        StageName.DETECT: bool(spec.enrich.detect),
        StageName.REFINE: bool(spec.enrich.refine),
        **_privacy(spec),
    }
    return (name for name in StageName if wanted.get(name, True))


def _privacy(spec: JobSpec) -> dict[StageName, bool]:
    private = spec.privacy is not None
    redacted = spec.privacy is not None and spec.privacy.redact_audio is not RedactAudio.NONE
    return {
        StageName.PII_DETECT: private,
        StageName.AUDIO_REDACT: redacted,
        StageName.VERIFY: redacted,
        StageName.PURGE: private,
    }


NEEDS: dict[StageName, tuple[StageName, ...]] = {
    StageName.PREPARE: (),
    StageName.LANGUAGE: (StageName.PREPARE,),
    StageName.TRANSCRIBE: (StageName.PREPARE, StageName.LANGUAGE),
    StageName.ALIGN: (StageName.TRANSCRIBE,),
    StageName.DIARIZE: (StageName.PREPARE,),
    StageName.SPEAKER_LINK: (StageName.DIARIZE,),
    StageName.DETECT: (StageName.PREPARE,),
    StageName.MERGE: (StageName.TRANSCRIBE, StageName.ALIGN, StageName.SPEAKER_LINK),
    StageName.PII_DETECT: (StageName.MERGE,),
    StageName.AUDIO_REDACT: (StageName.PII_DETECT,),
    StageName.VERIFY: (StageName.AUDIO_REDACT,),
    StageName.REFINE: (StageName.MERGE, StageName.PII_DETECT),
    StageName.EXPORT: (
        StageName.MERGE,
        StageName.DETECT,
        StageName.PII_DETECT,
        StageName.VERIFY,
        StageName.REFINE,
    ),
    StageName.PURGE: (StageName.EXPORT,),
}
"""What each stage follows, as far as the job's plan has it."""


def _needs(name: StageName, names: tuple[StageName, ...]) -> tuple[StageName, ...]:
    return tuple(need for need in NEEDS[name] if need in names)
