"""The second look at speech without words: what is heard again, and where its words go. Pure."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from dalston_crds.transcript import Segment
from dalston_engines.audio.speech import FRAME_SECONDS, MAX_WINDOW
from dalston_engines.stages.completeness import REACH_SECONDS
from dalston_engines.stages.part_documents import Region, Window
from dalston_engines.stages.seams import Heard, join, split_at

CONTEXT_SECONDS = 0.3
"""Audio given on each side of a gap that is heard once more."""
MAX_SECONDS = MAX_WINDOW * FRAME_SECONDS


def windows_of(gap: Region, windows: Sequence[Window]) -> tuple[Window, ...]:
    """What to hear again; a gap too long for one window is split where *windows* were."""
    edges = [gap.start - CONTEXT_SECONDS, gap.end + CONTEXT_SECONDS]
    if gap.seconds > MAX_SECONDS:
        inner = (window.end for window in windows if window.forced_end)
        edges[1:1] = [edge for edge in inner if gap.start < edge < gap.end]
    return tuple(_between(edges))


def filled(
    segments: Sequence[Segment], gap: Region, found: Sequence[Segment]
) -> tuple[Segment, ...]:
    """The segments with what was found in the gap between them, each word once."""
    if not found:
        return tuple(segments)
    before, after = split_at(segments, (gap.start + gap.end) / 2)
    room = _room(gap, before, after)
    return join([Heard(before, room.start), Heard(tuple(found), room.end), Heard(after, None)])


def _between(edges: Sequence[float]) -> Iterator[Window]:
    for start, end in pairwise(edges):
        first, last = start == edges[0], end == edges[-1]
        yield Window(start=start, end=end, forced_start=not first, forced_end=not last)


def _room(gap: Region, before: Sequence[Segment], after: Sequence[Segment]) -> Region:
    """The gap and a little around it, up to the words there: speech is not found to the instant."""
    start = max([gap.start - REACH_SECONDS, *(segment.end for segment in before)])
    end = min([gap.end + REACH_SECONDS, *(segment.start for segment in after)])
    return Region(start=min(start, gap.start), end=max(end, gap.end))
