"""The transcript as WebVTT captions. Voice tags say who speaks."""

from __future__ import annotations

from html import escape

from dalston_crds.renderings.cues import Cue, RenderOptions, cues, timestamp
from dalston_crds.transcript import Transcript


def write_vtt(document: Transcript, options: RenderOptions) -> bytes:
    """The captions in UTF-8, lines ended by LF."""
    blocks = (_block(cue, options) for cue in cues(document, options))
    return "\n".join(("WEBVTT\n", *blocks)).encode()


def _block(cue: Cue, options: RenderOptions) -> str:
    times = f"{timestamp(cue.start, '.')} --> {timestamp(cue.end, '.')}"
    # Escaping every ">" also keeps arrows out of the text.
    text = escape("\n".join(cue.lines), quote=False)
    voice = f"<v {escape(cue.speaker, quote=False)}>" if options.speakers and cue.speaker else ""
    return f"{times}\n{voice}{text}\n"
