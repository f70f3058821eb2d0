"""Transcribe: decode each window of a part, join them, and look again where words are missing.

Neighbours: ``hypotheses`` holds the engine to its word, ``seams`` joins windows, ``completeness``
finds what is missing, ``merge`` joins the parts.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
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
from dalston_engines.stages.seams import Heard, join, trimmed

CONTEXT_SECONDS = 0.3
"""Audio given on each side of a gap that is heard once more."""


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
        self._warnings: dict[str, PartWarning] = {}

    def transcribe(self) -> PartTranscript:
        """The part's words and what is known to be missing."""
        heard = list(self._hear(self._part.windows, self._options))
        segments = join(heard)
        before = gaps(self._part.regions, segments)
        recovered = self._look_again(before)
        segments = tuple(sorted([*segments, *recovered], key=lambda item: item.start))
        left = gaps(self._part.regions, segments)
        loud = unexplained(self._loud(), segments)
        self._warn_of(left, "SpeechWithoutWords", "speech for which the engine gave no words")
        self._warn_of(loud, "UnexplainedSound", "loud sound that neither speech nor words explain")
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
            recovered_words=sum(len(segment.words or ()) for segment in recovered),
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
            self._work.meter.advance(window.end - window.start)
            yield Heard(segments, window.end if window.forced_end else None)

    def _look_again(self, missing: Sequence[Region]) -> list[Segment]:
        """Hear each gap once more with other settings; keep the words that fall into it."""
        windows = [
            Window(start=gap.start - CONTEXT_SECONDS, end=gap.end + CONTEXT_SECONDS)
            for gap in missing
        ]
        if not windows:
            return []
        options = TranscribeOptions(**{**vars(self._options), "recover": True})
        found: list[Segment] = []
        for gap, heard in zip(missing, self._hear(windows, options), strict=True):
            kept = (trimmed(item, gap.start, gap.end) for item in heard.segments)
            found.extend(item for item in kept if item is not None)
        return found

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
            self._warnings.setdefault(
                warning.reason, PartWarning(reason=warning.reason, message=warning.message)
            )

    def _warn_of(self, regions: Sequence[Region], reason: str, what: str) -> None:
        seconds = sum(region.seconds for region in regions)
        if seconds < GAP_SECONDS:
            return
        self._warnings[reason] = PartWarning(
            reason=reason,
            message=f"{seconds:.1f} s of {what}",
            start=regions[0].start,
            end=regions[-1].end,
        )

    def _language(self) -> str | None:
        return self._languages.most_common(1)[0][0] if self._languages else None
