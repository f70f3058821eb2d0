"""Merge: parts, channels and speakers become one document, with its invariants held.

Times are monotonic and inside the media, no finer than asked, and the media facts are those of
the original. Neighbours: ``seams`` joins parts, ``merge_warnings`` says what the reader must know.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from dalston_crds.stage_messages import DocumentFacts, PartFacts, StageOptions
from dalston_crds.transcript import (
    LanguageShare,
    LanguageSource,
    Metadata,
    Paragraph,
    Segment,
    Speaker,
    Transcript,
    Word,
)
from dalston_crds.v1alpha1 import SpeakerMode, StageName, Timestamps
from dalston_engines.stages.merge_warnings import document_warnings, job_warnings
from dalston_engines.stages.part_documents import MEDIA, TRANSCRIPT, MediaDocument, PartTranscript
from dalston_engines.stages.part_work import PartWork
from dalston_engines.stages.seams import Heard, join

PARAGRAPH_PAUSE_SECONDS = 2.0
PARAGRAPH_CHARACTERS = 600


def run(work: PartWork) -> PartFacts:
    """Write the document."""
    prepared = work.artifacts.finished(StageName.PREPARE, 0)
    work.writer.made_from(prepared, MEDIA)
    media = MediaDocument.model_validate_json(work.artifacts.read(prepared, MEDIA))
    parts = tuple(_transcripts(work, len(media.parts)))
    document = merged(work, media, parts)
    work.writer.add(TRANSCRIPT, document.encode())
    return PartFacts(
        audio_milliseconds=media.media.duration_milliseconds,
        document=facts_of(document),
        warnings=job_warnings(document.metadata.pipeline_warnings),
    )


def merged(work: PartWork, media: MediaDocument, parts: Sequence[PartTranscript]) -> Transcript:
    """The document of all parts."""
    options = work.request.options
    segments = tuple(_segments(options, media, parts))
    speakers = _speakers(options, segments)
    return Transcript(
        job_id=work.request.job.uid,
        metadata=_metadata(work, media, parts, segments),
        text=" ".join(segment.text for segment in segments),
        speakers=speakers,
        segments=segments,
        paragraphs=tuple(_paragraphs(segments)),
    )


def facts_of(document: Transcript) -> DocumentFacts:
    """The counts of a document."""
    return DocumentFacts(
        language=document.metadata.language or "",
        words=sum(len(segment.words or segment.text.split()) for segment in document.segments),
        segments=len(document.segments),
        speakers=len(document.speakers),
        characters=len(document.text),
        entities=len(document.pii_entities),
    )


def _transcripts(work: PartWork, count: int) -> Iterator[PartTranscript]:
    for number in range(count):
        manifest = work.artifacts.finished(StageName.TRANSCRIBE, number)
        work.writer.made_from(manifest, TRANSCRIPT)
        yield PartTranscript.model_validate_json(work.artifacts.read(manifest, TRANSCRIPT))
        work.meter.advance(0)


def _segments(
    options: StageOptions, media: MediaDocument, parts: Sequence[PartTranscript]
) -> Iterator[Segment]:
    """Every track's segments joined over its parts, in time order, numbered."""
    joined: list[Segment] = []
    for channel in media.tracks:
        own = [part for part in parts if part.channel == channel]
        heard = [Heard(part.segments, part.end if part.forced_end else None) for part in own]
        labelled = (_on_channel(item, channel, options) for item in join(heard))
        joined.extend(labelled)
    length = media.media.duration_milliseconds / 1000
    joined.sort(key=lambda segment: (segment.start, segment.end, segment.channel or 0))
    for number, segment in enumerate(joined):
        yield _finished(segment, number, length, options.timestamps)


def _on_channel(segment: Segment, channel: int | None, options: StageOptions) -> Segment:
    if channel is None or options.speakers.mode is not SpeakerMode.PER_CHANNEL:
        return segment
    speaker = f"SPEAKER_{channel:02d}"
    return segment.model_copy(update={"channel": channel, "speaker": speaker})


def _finished(segment: Segment, number: int, length: float, wanted: Timestamps) -> Segment:
    """Numbered, inside the media, and no finer than asked."""
    words = None
    if segment.words and wanted.fineness >= Timestamps.WORD.fineness:
        words = tuple(_finished_word(word, segment, length, wanted) for word in segment.words)
    change = {
        "id": f"seg_{number:03d}",
        "start": _milliseconds(min(segment.start, length)),
        "end": _milliseconds(min(segment.end, length)),
        "words": words,
    }
    return segment.model_copy(update=change)


def _finished_word(word: Word, segment: Segment, length: float, wanted: Timestamps) -> Word:
    change: dict[str, object] = {
        "start": _milliseconds(min(word.start, length)),
        "end": _milliseconds(min(word.end, length)),
        "speaker": word.speaker or segment.speaker,
        "channel": segment.channel,
    }
    if wanted is not Timestamps.CHARACTER:
        change["characters"] = None
    return word.model_copy(update=change)


def _milliseconds(seconds: float) -> float:
    return round(seconds, 3)


def _speakers(options: StageOptions, segments: Iterable[Segment]) -> tuple[Speaker, ...]:
    """The speakers heard, in order of channel or of first speech."""
    channels = {s.speaker: s.channel for s in segments if s.speaker is not None}
    names = options.speakers.names
    ordered = sorted(channels) if options.speakers.mode is SpeakerMode.PER_CHANNEL else channels
    return tuple(
        Speaker(
            id=identifier,
            label=_label(
                identifier, place if channels[identifier] is None else channels[identifier], names
            ),
            channel=channels[identifier],
        )
        for place, identifier in enumerate(ordered)
    )


def _label(identifier: str, place: int | None, names: Sequence[str]) -> str:
    return names[place] if place is not None and place < len(names) else identifier


def _paragraphs(segments: Iterable[Segment]) -> Iterator[Paragraph]:
    """Runs of segments by one speaker without a long pause."""
    run: list[Segment] = []
    for segment in segments:
        if run and _new_paragraph(run, segment):
            yield _paragraph(run)
            run = []
        run.append(segment)
    if run:
        yield _paragraph(run)


def _new_paragraph(run: Sequence[Segment], segment: Segment) -> bool:
    pause = segment.start - max(item.end for item in run)
    long = sum(len(item.text) for item in run) > PARAGRAPH_CHARACTERS
    return segment.speaker != run[0].speaker or pause >= PARAGRAPH_PAUSE_SECONDS or long


def _paragraph(run: Sequence[Segment]) -> Paragraph:
    return Paragraph(
        start=run[0].start,
        end=max(item.end for item in run),
        speaker=run[0].speaker,
        text=" ".join(item.text for item in run),
        segments=tuple(item.id for item in run),
    )


def _metadata(
    work: PartWork,
    media: MediaDocument,
    parts: Sequence[PartTranscript],
    segments: Sequence[Segment],
) -> Metadata:
    options, facts = work.request.options, media.media
    language, confidence, source = _language(options, parts)
    granted = _granted(segments)
    transcribed = work.artifacts.finished(StageName.TRANSCRIBE, 0)
    return Metadata(
        audio_duration=facts.duration_milliseconds / 1000,
        audio_channels=facts.channels,
        sample_rate=facts.sample_rate_hertz,
        container=facts.container,
        codec=facts.codec,
        source_sha256=facts.sha256,
        levels=media.levels,
        language=language,
        language_confidence=confidence,
        language_source=source,
        languages=tuple(_shares(options, parts, language)),
        word_timestamps=granted is not Timestamps.SEGMENT,
        word_timestamps_requested=options.timestamps.fineness >= Timestamps.WORD.fineness,
        timestamps=min(options.timestamps, granted, key=lambda item: item.fineness),
        speaker_detection=options.speakers.mode,
        speaker_count=len({s.speaker for s in segments if s.speaker is not None}),
        model=transcribed.model or transcribed.engine,
        engines={StageName.TRANSCRIBE.value: transcribed.engine},
        gap_seconds=round(sum(part.gap_seconds for part in parts), 3),
        unexplained_loud_seconds=round(sum(part.unexplained_loud_seconds for part in parts), 3),
        completed_at=work.now,
        pipeline_stages=tuple(work.request.plan),
        pipeline_warnings=document_warnings(work, media, parts),
    )


def _granted(segments: Sequence[Segment]) -> Timestamps:
    """The finest times the document has throughout its words."""
    words = [word for segment in segments for word in segment.words or ()]
    if not words:
        return Timestamps.SEGMENT
    return Timestamps.CHARACTER if all(word.characters for word in words) else Timestamps.WORD


def _language(
    options: StageOptions, parts: Sequence[PartTranscript]
) -> tuple[str | None, float | None, LanguageSource | None]:
    """The document's language, the engine's own confidence in it if it gave one, and its source."""
    if options.language is not None:
        return options.language, None, "requested"
    weights = _weights(parts)
    if not weights:
        return None, None, None
    language = weights.most_common(1)[0][0]
    given = [
        part.language_confidence
        for part in parts
        if part.language == language and part.language_confidence is not None
    ]
    if not given:
        return language, None, "engine"
    return language, round(sum(given) / len(given), 4), "detected"


def _weights(parts: Sequence[PartTranscript]) -> Counter[str]:
    weights: Counter[str] = Counter()
    for part in parts:
        if part.language is not None:
            weights[part.language] += sum(len(segment.text) for segment in part.segments)
    return weights


def _shares(
    options: StageOptions, parts: Sequence[PartTranscript], primary: str | None
) -> Iterator[LanguageShare]:
    """The language asked for, else every language heard."""
    heard = _weights(parts).most_common()
    codes = [options.language] if options.language else [code for code, _ in heard]
    for code in codes:
        yield LanguageShare(code=code, is_primary=code == primary)
