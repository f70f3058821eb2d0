"""What the reader of a document must know: every stage's warnings in one list. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from dalston_crds.stage_messages import SkippedStage
from dalston_crds.transcript import PipelineWarning, WarningStatus
from dalston_crds.v1alpha1 import JobWarning, StageName, Timestamps
from dalston_engines.stages.hypotheses import lacks_characters
from dalston_engines.stages.part_documents import MediaDocument, PartTranscript, PartWarning
from dalston_engines.stages.part_work import PartWork

CLIPPED_SHARE = 0.001
"""More clipped samples than one in a thousand are heard, and cost words."""
MAX_JOB_WARNINGS = 8


def document_warnings(
    work: PartWork, media: MediaDocument, parts: Sequence[PartTranscript]
) -> tuple[PipelineWarning, ...]:
    """The document's warnings, in the order of the pipeline."""
    prepared = work.artifacts.finished(StageName.PREPARE, 0)
    return (
        *_from_facts(prepared.facts.warnings),
        *_clipping(media),
        *_from_parts(parts),
        *_missing_times(work.request.options.timestamps, parts),
        *_from_skipped(work.request.skipped),
    )


def job_warnings(warnings: Iterable[PipelineWarning]) -> tuple[JobWarning, ...]:
    """The same for the job's status; prepare has reported its own."""
    return tuple(
        JobWarning(stage=StageName(item.stage), reason=item.reason, message=item.message[:512])
        for item in warnings
        if item.stage != StageName.PREPARE and item.status is not WarningStatus.SKIPPED
    )[:MAX_JOB_WARNINGS]


def _from_facts(warnings: Iterable[JobWarning]) -> Iterator[PipelineWarning]:
    for item in warnings:
        yield _degraded(item.stage, PartWarning(reason=item.reason, message=item.message))


def _clipping(media: MediaDocument) -> Iterator[PipelineWarning]:
    samples = media.media.duration_milliseconds * 16
    for level in media.levels:
        if level.clipped_samples > samples * CLIPPED_SHARE:
            message = f"channel {level.channel} is clipped: the recording was too loud"
            yield _degraded(StageName.PREPARE, PartWarning(reason="Clipping", message=message))


def _from_parts(parts: Sequence[PartTranscript]) -> Iterator[PipelineWarning]:
    """One warning per reason: a message that many parts share is said once."""
    by_reason: dict[str, list[PartWarning]] = {}
    for part in parts:
        for warning in part.warnings:
            by_reason.setdefault(warning.reason, []).append(warning)
    for warnings in by_reason.values():
        yield from (_degraded(StageName.TRANSCRIBE, item) for item in _distinct(warnings))


def _missing_times(
    wanted: Timestamps, parts: Sequence[PartTranscript]
) -> Iterator[PipelineWarning]:
    """Finer times that were asked for and not given."""
    if any(part.words_missing for part in parts):
        message = "word times were asked for but the engine gave none for some segments"
        missing = PartWarning(reason="WordTimesMissing", message=message)
        yield _degraded(StageName.TRANSCRIBE, missing, fallback="segment times")
    if any(lacks_characters(part.segments, wanted) for part in parts):
        message = "character times were asked for but the engine gave none for some words"
        missing = PartWarning(reason="CharacterTimesMissing", message=message)
        yield _degraded(StageName.TRANSCRIBE, missing, fallback="word times")


def _distinct(warnings: Iterable[PartWarning]) -> Iterator[PartWarning]:
    seen: set[tuple[str, float | None]] = set()
    for warning in warnings:
        key = (warning.message, warning.start)
        if key not in seen:
            seen.add(key)
            yield warning


def _from_skipped(skipped: Iterable[SkippedStage]) -> Iterator[PipelineWarning]:
    for item in skipped:
        yield PipelineWarning(
            stage=item.stage,
            status=WarningStatus.SKIPPED,
            reason="StageSkipped",
            message=item.reason,
            fallback=item.fallback or None,
        )


def _degraded(
    stage: StageName, warning: PartWarning, fallback: str | None = None
) -> PipelineWarning:
    return PipelineWarning(
        stage=stage,
        status=WarningStatus.DEGRADED,
        reason=warning.reason,
        message=warning.message,
        fallback=fallback,
        start=warning.start,
        end=warning.end,
    )
