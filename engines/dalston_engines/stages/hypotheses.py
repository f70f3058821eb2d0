"""From what an engine returned to what the pipeline trusts. Pure.

Engines are held to their word: times are clipped to what they heard and put on the media's clock,
confidence comes from real probabilities or stays absent, and what was asked for but not given is
named in a warning instead of papered over.
"""

import math
from collections.abc import Iterator, Sequence

from dalston_crds.transcript import Character, Segment, Token, Word
from dalston_crds.v1alpha1 import Timestamps
from dalston_engines.stages.part_documents import Region

TAIL_SECONDS = 0.5
"""A segment without word times may reach this far beyond the speech inside it."""


def on_media_clock(
    segments: Sequence[Segment], heard: Region, speech: Sequence[Region]
) -> tuple[Segment, ...]:
    """Segments moved to the media's clock and clipped to the stretch heard; empty ones dropped."""
    placed = (_placed(segment, heard, speech) for segment in segments if segment.text.strip())
    return tuple(sorted(placed, key=lambda segment: (segment.start, segment.end)))


def lacks_words(segments: Sequence[Segment], wanted: Timestamps) -> bool:
    """Whether word times were asked for and a segment with text has none."""
    needed = wanted.fineness >= Timestamps.WORD.fineness
    return needed and any(not segment.words for segment in segments)


def lacks_characters(segments: Sequence[Segment], wanted: Timestamps) -> bool:
    """Whether character times were asked for and a word has none."""
    words = (word for segment in segments for word in segment.words or ())
    return wanted is Timestamps.CHARACTER and any(not word.characters for word in words)


def _placed(segment: Segment, heard: Region, speech: Sequence[Region]) -> Segment:
    words = _placed_words(segment.words, heard) if segment.words else None
    start = _clip(heard.start + segment.start, heard)
    end = max(start, _clip(heard.start + segment.end, heard))
    if words:
        start, end = words[0].start, max(word.end for word in words)
    else:
        end = max(start, min(end, _speech_end(start, end, speech)))
    change = {
        "text": segment.text.strip(),
        "start": start,
        "end": end,
        "words": words,
        "confidence": _confidence(segment, words),
        "avg_logprob": _mean_logprob(segment),
    }
    return segment.model_copy(update=change)


def _placed_words(words: Sequence[Word], heard: Region) -> tuple[Word, ...]:
    placed: list[Word] = []
    latest = heard.start
    for word in words:
        start = max(latest, _clip(heard.start + word.start, heard))
        end = max(start, _clip(heard.start + word.end, heard))
        characters = tuple(_placed_characters(word, heard, Region(start=start, end=end)))
        change = {"start": start, "end": end, "characters": characters or None}
        placed.append(word.model_copy(update=change))
        latest = start
    return tuple(placed)


def _placed_characters(word: Word, heard: Region, bounds: Region) -> Iterator[Character]:
    for item in word.characters or ():
        start = _clip(heard.start + item.start, bounds)
        end = max(start, _clip(heard.start + item.end, bounds))
        yield item.model_copy(update={"start": start, "end": end})


def _speech_end(start: float, end: float, speech: Sequence[Region]) -> float:
    """Where speech inside the segment ends, and a little more; *end* when there is none."""
    inside = [region.end for region in speech if region.start < end and region.end > start]
    return max(inside) + TAIL_SECONDS if inside else end


def _clip(moment: float, bounds: Region) -> float:
    return min(max(moment, bounds.start), bounds.end)


def _confidence(segment: Segment, words: Sequence[Word] | None) -> float | None:
    """The engine's own, else the words' mean, else the tokens' geometric mean, else none."""
    if segment.confidence is not None:
        return segment.confidence
    given = [word.confidence for word in words or () if word.confidence is not None]
    if given:
        return round(sum(given) / len(given), 4)
    logprob = _mean_logprob(segment)
    return None if logprob is None else round(math.exp(logprob), 4)


def _mean_logprob(segment: Segment) -> float | None:
    if segment.avg_logprob is not None:
        return segment.avg_logprob
    given = [token.logprob for token in _tokens(segment) if token.logprob is not None]
    return sum(given) / len(given) if given else None


def _tokens(segment: Segment) -> Sequence[Token]:
    return segment.tokens or ()
