"""Transcribe: decode each window of a part, join them, and look again where words are missing.

Neighbours: ``hypotheses`` holds the engine to its word, ``seams`` joins windows, ``completeness``
finds what is missing, ``merge`` joins the parts.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from typing import cast

import soundfile

from dalston_crds.stage_messages import PartFacts, StageOptions
from dalston_crds.transcript import Segment
from dalston_crds.v1alpha1 import StageName
from dalston_engines.artifacts import Manifest
from dalston_engines.audio.levels import loud_regions
from dalston_engines.contract import Audio, Hypothesis, TranscribeOptions, Transcriber
from dalston_engines.errors import StageError
from dalston_engines.stages.completeness import GAP_SECONDS, gaps, unexplained
from dalston_engines.stages.hypotheses import lacks_words, on_media_clock
from dalston_engines.stages.part_documents import (
    MEDIA,
    TRANSCRIPT,
    MediaDocument,
    PartTranscript,
    PartWarning,
    PreparedPart,
    Region,
    Window,
    audio_name,
    facts_name,
)
from dalston_engines.stages.part_work import PartWork
from dalston_engines.stages.seams import Heard, join
from dalston_engines.stages.second_look import filled, windows_of

MAX_REASON = 63
MAX_MESSAGE = 512
"""Characters of an engine's warning that are kept."""


def run(work: PartWork) -> PartFacts:
    """Write down one part."""
    prepared = work.artifacts.finished(StageName.PREPARE, 0)
    part = _prepared_part(work, prepared)
    listening = _Listening(work, part, _audio(work, prepared, part))
    transcript = listening.transcribe()
    work.writer.add(TRANSCRIPT, transcript.model_dump_json(exclude_none=True).encode())
    seconds = part.end - part.start
    return PartFacts(audio_milliseconds=round(seconds * 1000))


def _prepared_part(work: PartWork, prepared: Manifest) -> PreparedPart:
    name = facts_name(work.part)
    work.writer.made_from(prepared, name)
    return PreparedPart.model_validate_json(work.artifacts.read(prepared, name))


def _audio(work: PartWork, prepared: Manifest, part: PreparedPart) -> Audio:
    work.writer.made_from(prepared, audio_name(work.part))
    content = work.artifacts.read(prepared, audio_name(work.part))
    samples, _ = soundfile.read(BytesIO(content), dtype="float32")
    media = MediaDocument.model_validate_json(work.artifacts.read(prepared, MEDIA))
    return Audio(samples, part.audio_start, part.channel, media.media.sha256)


def options_for(options: StageOptions) -> TranscribeOptions:
    """What of the job's options a Transcriber is told; the language asked for always."""
    return TranscribeOptions(
        language=options.language,
        task=options.task,
        timestamps=options.timestamps,
        vocabulary=options.vocabulary,
        prompt=options.prompt,
        temperature=options.temperature_milli / 1000,
    )


class _Listening:
    """One pass over a part, and the second look at its gaps."""

    def __init__(self, work: PartWork, part: PreparedPart, audio: Audio) -> None:
        self._work = work
        self._part = part
        self._audio = audio
        self._engine = cast("Transcriber", work.engine)
        self._options = options_for(work.request.options)
        self._languages: Counter[str] = Counter()
        """Characters of text by the language the engine heard them in."""
        self._language_confidence: dict[str, float] = {}
        self._warnings: dict[tuple[str, str], PartWarning] = {}

    def transcribe(self) -> PartTranscript:
        """The part's words and what is known to be missing."""
        first = join(list(self._hear(self._part.windows, self._options)))
        segments = self._look_again(first)
        left = gaps(self._part.regions, segments)
        loud = unexplained(self._loud(), segments)
        self._warn_of(left, "SpeechWithoutWords", "speech for which the engine gave no words")
        self._warn_of(loud, "UnexplainedSound", "loud sound that no words explain")
        wanted = self._options.timestamps
        language = self._language()
        return PartTranscript(
            part=self._part.part,
            channel=self._part.channel,
            start=self._part.start,
            end=self._part.end,
            forced_start=self._part.forced_start,
            forced_end=self._part.forced_end,
            segments=segments,
            language=language,
            language_confidence=self._language_confidence.get(language or ""),
            words_missing=lacks_words(segments, wanted),
            gap_seconds=sum(gap.seconds for gap in left),
            recovered_words=_count(segments) - _count(first),
            unexplained_loud_seconds=sum(region.seconds for region in loud),
            warnings=tuple(self._warnings.values()),
        )

    def _hear(self, windows: Sequence[Window], options: TranscribeOptions) -> Iterator[Heard]:
        stretches = [self._audio.cut(*window.heard) for window in windows]
        hypotheses = self._engine.transcribe(stretches, options)
        for window, stretch in zip(windows, stretches, strict=True):
            with self._work.meter.engine():
                hypothesis = next(hypotheses, None)
            if hypothesis is None:
                raise StageError("the engine returned fewer hypotheses than it was given windows")
            self._note(hypothesis)
            around = Region(start=stretch.start, end=stretch.start + stretch.duration)
            segments = on_media_clock(hypothesis.segments, around, self._part.regions)
            # What is heard again is no progress.
            self._work.meter.advance(0.0 if options.recover else window.end - window.start)
            yield Heard(segments, window.end if window.forced_end else None)

    def _look_again(self, segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
        """Hear each gap once more with other settings; fill in the words that are found."""
        missing = gaps(self._part.regions, segments)
        looks = [windows_of(gap, self._part.windows) for gap in missing]
        if not looks:
            return segments
        options = replace(self._options, recover=True)
        heard = self._hear([window for look in looks for window in look], options)
        for gap, look in zip(missing, looks, strict=True):
            found = join([next(heard) for _ in look])
            segments = filled(segments, gap, found)
        return segments

    def _loud(self) -> list[Region]:
        """Loud stretches the part owns, on the media's clock."""
        origin = self._audio.start
        found = [
            Region(start=origin + low, end=origin + high)
            for low, high in loud_regions(self._audio.samples)
        ]
        return [r for r in found if self._part.start <= (r.start + r.end) / 2 < self._part.end]

    def _note(self, hypothesis: Hypothesis) -> None:
        """Keep the language heard and every warning."""
        if hypothesis.language is not None and hypothesis.segments:
            characters = sum(len(segment.text) for segment in hypothesis.segments)
            self._languages[hypothesis.language] += characters
            if hypothesis.language_confidence is not None:
                self._language_confidence[hypothesis.language] = hypothesis.language_confidence
        for warning in hypothesis.warnings:
            reason, message = warning.reason[:MAX_REASON], warning.message[:MAX_MESSAGE]
            self._warn(PartWarning(reason=reason, message=message))

    def _warn(self, warning: PartWarning) -> None:
        self._warnings.setdefault((warning.reason, warning.message), warning)

    def _warn_of(self, regions: Sequence[Region], reason: str, what: str) -> None:
        seconds = sum(region.seconds for region in regions)
        if seconds < GAP_SECONDS:
            return
        message = f"{seconds:.1f} s of {what}"
        start, end = regions[0].start, regions[-1].end
        self._warn(PartWarning(reason=reason, message=message, start=start, end=end))

    def _language(self) -> str | None:
        return self._languages.most_common(1)[0][0] if self._languages else None


def _count(segments: Sequence[Segment]) -> int:
    return sum(len(segment.words or ()) for segment in segments)
