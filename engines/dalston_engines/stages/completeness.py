"""Is anything missing? Words against speech, and against plain loudness. Pure.

Speech by the voice activity model that no word covers is a gap; gaps of a second or more are
heard once more. Loud stretches that no word explains are a second, independent measure: they
reveal speech that the voice activity model itself missed.
"""

from collections.abc import Iterable, Sequence

from dalston_crds.transcript import Segment
from dalston_engines.stages.part_documents import Region

GAP_SECONDS = 1.0
REACH_SECONDS = 0.3
"""How far beyond its own edges a word explains sound: breath, hesitation, time error."""
LOUD_SECONDS = 1.0
"""Loud stretches shorter than this (clicks, coughs) are not counted."""


def covered(segments: Iterable[Segment], reach: float = 0.0) -> tuple[Region, ...]:
    """What the words cover (segments where there are no words), merged and in order."""
    spans = [
        Region(start=item.start - reach, end=item.end + reach)
        for segment in segments
        for item in (segment.words or (segment,))
    ]
    merged: list[Region] = []
    for span in sorted(spans, key=lambda region: region.start):
        if merged and span.start <= merged[-1].end:
            end = max(merged[-1].end, span.end)
            merged[-1] = Region(start=merged[-1].start, end=end)
        else:
            merged.append(span)
    return tuple(merged)


def uncovered(
    regions: Sequence[Region], cover: Sequence[Region], least: float
) -> tuple[Region, ...]:
    """The pieces of *regions* outside *cover* that last at least *least* seconds."""
    found: list[Region] = []
    for region in regions:
        start = region.start
        for span in cover:
            if span.end <= start or span.start >= region.end:
                continue
            found.append(Region(start=start, end=max(start, span.start)))
            start = span.end
        found.append(Region(start=start, end=max(start, region.end)))
    return tuple(piece for piece in found if piece.seconds >= least)


def gaps(regions: Sequence[Region], segments: Sequence[Segment]) -> tuple[Region, ...]:
    """Speech of a second or more that no word covers."""
    return uncovered(regions, covered(segments), GAP_SECONDS)


def unexplained(loud: Sequence[Region], segments: Sequence[Segment]) -> tuple[Region, ...]:
    """Loud stretches of a second or more that no word explains."""
    return uncovered(_bridged(loud), covered(segments, REACH_SECONDS), LOUD_SECONDS)


def _bridged(loud: Sequence[Region]) -> tuple[Region, ...]:
    """Loud pieces of one utterance as one stretch: speech dips between syllables."""
    bridged: list[Region] = []
    for piece in loud:
        if bridged and piece.start - bridged[-1].end < REACH_SECONDS:
            bridged[-1] = Region(start=bridged[-1].start, end=piece.end)
        else:
            bridged.append(piece)
    return tuple(bridged)
