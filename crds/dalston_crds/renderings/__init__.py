"""The text forms of a transcript: plain text, SubRip, WebVTT and the document's own JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dalston_crds.renderings.cues import RenderOptions
from dalston_crds.renderings.srt import write_srt
from dalston_crds.renderings.txt import write_txt
from dalston_crds.renderings.vtt import write_vtt
from dalston_crds.transcript import Transcript
from dalston_crds.v1alpha1.job_spec import OutputFormat

__all__ = ["SUPPORTED", "RenderOptions", "UnsupportedFormat", "file_name", "render"]


class UnsupportedFormat(ValueError):
    """The form is not built yet; the message names those that are."""


@dataclass(frozen=True)
class _Rendering:
    extension: str
    write: Callable[[Transcript, RenderOptions], bytes]


def _write_json(document: Transcript, _: RenderOptions) -> bytes:
    return document.encode()


_RENDERINGS = {
    OutputFormat.TXT: _Rendering("txt", write_txt),
    OutputFormat.SRT: _Rendering("srt", write_srt),
    OutputFormat.VTT: _Rendering("vtt", write_vtt),
    OutputFormat.JSON: _Rendering("json", _write_json),
}
SUPPORTED = tuple(_RENDERINGS)


def render(document: Transcript, form: OutputFormat, options: RenderOptions) -> bytes:
    """The document in *form*, as the bytes of a file; raises UnsupportedFormat."""
    return _rendering(form).write(document, options)


def file_name(form: OutputFormat) -> str:
    """Name of the file that holds *form*; raises UnsupportedFormat."""
    return f"transcript.{_rendering(form).extension}"


def _rendering(form: OutputFormat) -> _Rendering:
    if form not in _RENDERINGS:
        raise UnsupportedFormat(f"{form} is not available; choose from {', '.join(SUPPORTED)}")
    return _RENDERINGS[form]
