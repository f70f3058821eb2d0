"""The transcript as SubRip captions. Each turn's first cue says who speaks."""

from __future__ import annotations

import re

from dalston_crds.renderings.cues import Cue, RenderOptions, cues, timestamp
from dalston_crds.transcript import Transcript

_ARROW = re.compile(r"-{2,}>")


def write_srt(document: Transcript, options: RenderOptions) -> bytes:
    """The captions in UTF-8, lines ended by LF; nothing at all when nothing was said."""
    captions = enumerate(cues(document, options, labelled=options.speakers), start=1)
    return "\n".join(_block(number, cue) for number, cue in captions).encode()


def _block(number: int, cue: Cue) -> str:
    times = f"{timestamp(cue.start, ',')} --> {timestamp(cue.end, ',')}"
    # SubRip has no escapes, and readers take every arrow for a line of times.
    text = _ARROW.sub("->", "\n".join(cue.lines))
    return f"{number}\n{times}\n{text}\n"
