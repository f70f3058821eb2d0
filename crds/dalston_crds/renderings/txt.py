"""The transcript as plain text: one line per paragraph, a new one at each change of speaker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dalston_crds.renderings.cues import (
    RenderOptions,
    Stretch,
    ends_sentence,
    separator,
    stretches,
)
from dalston_crds.transcript import Transcript

# Where the document has no paragraphs: a silence (ms) or a length (characters) that ends one.
LONG_PAUSE = 2000
LONG_PARAGRAPH = 600


def write_txt(document: Transcript, options: RenderOptions) -> bytes:
    """The text in UTF-8; lines start with ``Label: `` when speakers are wanted and known."""
    return "".join(f"{_line(each, options)}\n" for each in _paragraphs(document)).encode()


def _paragraphs(document: Transcript) -> list[list[Stretch]]:
    places = {
        segment: place
        for place, paragraph in enumerate(document.paragraphs)
        for segment in paragraph.segments
    }
    found: list[list[Stretch]] = []
    for stretch in stretches(document):
        if found and _continues(found[-1], stretch, places):
            found[-1].append(stretch)
        else:
            found.append([stretch])
    return found


def _continues(so_far: Sequence[Stretch], after: Stretch, places: Mapping[str, int]) -> bool:
    before = so_far[-1]
    if (before.speaker, before.channel) != (after.speaker, after.channel):
        return False
    place = places.get(after.segment)
    if place is not None or before.segment in places:
        return place == places.get(before.segment)
    if after.units[0].start - before.units[-1].end >= LONG_PAUSE:
        return False
    return not ends_sentence(before.text) or sum(len(each.text) for each in so_far) < LONG_PARAGRAPH


def _line(paragraph: Sequence[Stretch], options: RenderOptions) -> str:
    speaker = paragraph[0].speaker
    line = f"{speaker}: " if options.speakers and speaker else ""
    for number, stretch in enumerate(paragraph):
        line += (separator(line, stretch.text) if number else "") + stretch.text
    return line
