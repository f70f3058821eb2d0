"""Joining what two overlapping stretches heard around a forced cut. Pure.

Both stretches heard the overlap. The same word on both sides is found by its letters and its time
(longest and closest common subsequence); the pair nearest to the seam is where the reading changes
over, so that nothing is lost or doubled. Without such a pair words are kept by their midpoint.
Text without word times is kept by the midpoint of its segment. Plain text is never compared across
a seam.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dalston_crds.transcript import Segment, Word

SAME_WORD_SECONDS = 0.35
"""Midpoints of one word heard twice differ by less than this."""


@dataclass(frozen=True)
class Heard:
    """What one stretch gave, in time order, with the seam towards its successor."""

    segments: tuple[Segment, ...]
    seam: float | None
    """Seconds of the forced cut after it; None where the cut lies in silence."""


def join(stretches: Sequence[Heard]) -> tuple[Segment, ...]:
    """All segments, each forced cut resolved."""
    kept = [stretch.segments for stretch in stretches]
    for index, (left, _) in enumerate(pairwise(stretches)):
        if left.seam is not None:
            kept[index], kept[index + 1] = join_at(kept[index], kept[index + 1], left.seam)
    return tuple(segment for segments in kept for segment in segments)


def join_at(
    left: Sequence[Segment], right: Sequence[Segment], seam: float
) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    """What each side keeps of its segments at a seam, in seconds."""
    pair = _changeover(_words(left), _words(right), seam)
    if pair is None:
        return _up_to(left, seam), _from(right, seam)
    last, first = pair
    return _up_to(left, _middle(last) + 1e-6), _from(right, _middle(first) + 1e-6)


def split_at(
    segments: Sequence[Segment], moment: float
) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    """What lies before a moment and what lies after it, by midpoints."""
    return _up_to(segments, moment), _from(segments, moment)


def trimmed(segment: Segment, low: float, high: float) -> Segment | None:
    """The segment with the words whose midpoint lies from *low* up to *high*; None if empty."""
    if not segment.words:
        return segment if low <= _middle(segment) < high else None
    words = tuple(word for word in segment.words if low <= _middle(word) < high)
    if len(words) == len(segment.words):
        return segment
    if not words:
        return None
    # Scripts that put no spaces between words get none here either.
    text = (" " if " " in segment.text else "").join(word.text for word in words)
    start, end = words[0].start, max(word.end for word in words)
    change = {"words": words, "text": text, "start": start, "end": end, "tokens": None}
    return segment.model_copy(update=change)


def _up_to(segments: Sequence[Segment], end: float) -> tuple[Segment, ...]:
    kept = (trimmed(segment, float("-inf"), end) for segment in segments)
    return tuple(segment for segment in kept if segment is not None)


def _from(segments: Sequence[Segment], start: float) -> tuple[Segment, ...]:
    kept = (trimmed(segment, start, float("inf")) for segment in segments)
    return tuple(segment for segment in kept if segment is not None)


def _changeover(
    left: Sequence[Word], right: Sequence[Word], seam: float
) -> tuple[Word, Word] | None:
    """The common word nearest to the seam, as each side heard it."""
    if not left or not right:
        return None
    tail = [word for word in left if word.end >= right[0].start - SAME_WORD_SECONDS]
    head = [word for word in right if word.start <= left[-1].end + SAME_WORD_SECONDS]
    pairs = _common(tail, head)
    return min(pairs, key=lambda pair: abs(_middle(pair[0]) - seam), default=None)


def _common(left: Sequence[Word], right: Sequence[Word]) -> list[tuple[Word, Word]]:
    """The common subsequence of words that is longest and closest in time."""
    best = [[0.0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in reversed(range(len(left))):
        for j in reversed(range(len(right))):
            likeness = _likeness(left[i], right[j])
            paired = likeness + best[i + 1][j + 1] if likeness else 0.0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], paired)
    return _walked(left, right, best)


def _walked(
    left: Sequence[Word], right: Sequence[Word], best: list[list[float]]
) -> list[tuple[Word, Word]]:
    pairs, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        if best[i][j] == best[i + 1][j]:
            i += 1
        elif best[i][j] == best[i][j + 1]:
            j += 1
        else:
            pairs.append((left[i], right[j]))
            i, j = i + 1, j + 1
    return pairs


def _likeness(left: Word, right: Word) -> float:
    """From 0, another word, to 1; squared, so that of repeated words the nearest are paired."""
    apart = abs(_middle(left) - _middle(right))
    if apart >= SAME_WORD_SECONDS or _plain(left) != _plain(right):
        return 0.0
    return (1 - apart / SAME_WORD_SECONDS) ** 2


def _plain(word: Word) -> str:
    """Its letters: engines punctuate the end of what they hear as if it were the end."""
    return "".join(filter(str.isalnum, word.text.casefold())) or word.text


def _words(segments: Sequence[Segment]) -> list[Word]:
    return [word for segment in segments for word in segment.words or ()]


def _middle(item: Word | Segment) -> float:
    return (item.start + item.end) / 2
