"""What a command prints or writes of finished jobs. Results go to stdout, the rest to stderr."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dalston_cli.errors import CommandError, UserError
from dalston_cli.local.outcomes import Outcome
from dalston_crds.renderings import RenderOptions, file_name, render
from dalston_crds.transcript import Segment, Transcript
from dalston_crds.v1alpha1 import OutputFormat


class Form(StrEnum):
    """A rendering, by the name users type."""

    TXT = "txt"
    SRT = "srt"
    VTT = "vtt"
    JSON = "json"


FORMATS = {form: OutputFormat(form.value.capitalize()) for form in Form}


@dataclass(frozen=True)
class Sink:
    """Where results go, and in which form; no form means lines for people."""

    form: Form | None
    output: Path | None
    as_json: bool
    several: bool

    def __post_init__(self) -> None:
        """Refuse at once what could not be written at the end."""
        if self.output is None:
            return
        if self.several and self.output.is_file():
            raise UserError(f"{self.output} is a file, but several results need a folder")
        folder = self.output if self._into_folder else self.output.parent
        if not self._into_folder and not folder.is_dir():
            raise UserError(f"there is no folder {folder} to write {self.output.name} into")

    @property
    def _into_folder(self) -> bool:
        return self.several or (self.output is not None and self.output.is_dir())

    def path_for(self, outcome: Outcome) -> Path:
        """The file that an outcome is written to."""
        assert self.output is not None
        if not self._into_folder:
            return self.output
        suffix = Path(file_name(FORMATS[self.form or Form.TXT])).suffix
        return self.output / f"{outcome.path.name}{suffix}"


def print_outcomes(outcomes: Sequence[Outcome], sink: Sink) -> None:
    """Print or write every transcript there is."""
    if sink.as_json:
        text = json.dumps([_record(outcome) for outcome in outcomes], indent=2, ensure_ascii=False)
        _emit(f"{text}\n".encode(), sink.output)
        return
    done = [outcome for outcome in outcomes if outcome.document is not None]
    for number, outcome in enumerate(done):
        assert outcome.document is not None
        content = _content(outcome, outcome.document, sink)
        if sink.output is not None:
            _write(sink.path_for(outcome), content)
        else:
            _emit(content if number == 0 or sink.form is not None else b"\n" + content, None)


def readable(outcome: Outcome, document: Transcript) -> str:
    """The transcript as lines for people: a heading, then times, channel, speaker and text."""
    meta = document.metadata
    tracks = "mono" if meta.audio_channels == 1 else f"{meta.audio_channels} channels"
    facts = [
        f"{meta.audio_duration:.1f} s",
        tracks,
        meta.language or "language unknown",
        meta.model,
    ]
    lines = [f"{outcome.path}  ({', '.join(facts)})"]
    lines += [f"  {_line(segment, document)}" for segment in document.segments]
    if not document.segments:
        lines.append("  no speech was found")
    lines += [f"  warning: {item.message}" for item in meta.pipeline_warnings]
    return "\n".join(lines) + "\n"


def _line(segment: Segment, document: Transcript) -> str:
    channel = "" if segment.channel is None else f"channel {segment.channel + 1}  "
    label = document.speaker_label(segment.speaker)
    speaker = f"{label}: " if label else ""
    return f"{_clock(segment.start)} - {_clock(segment.end)}  {channel}{speaker}{segment.text}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds * 100), 6000)
    hours, minutes = divmod(minutes, 60)
    prefix = f"{hours}:" if hours else ""
    return f"{prefix}{minutes:02d}:{rest / 100:05.2f}"


def _content(outcome: Outcome, document: Transcript, sink: Sink) -> bytes:
    if sink.form is None and sink.output is None:
        return readable(outcome, document).encode()
    content = render(document, FORMATS[sink.form or Form.TXT], RenderOptions())
    return content if content.endswith(b"\n") else content + b"\n"


def _record(outcome: Outcome) -> dict[str, object]:
    document = outcome.document
    return {
        "file": str(outcome.path),
        "job": outcome.job.metadata.name,
        "status": outcome.job.status.model_dump(mode="json", by_alias=True, exclude_none=True),
        "error": outcome.problem or None,
        "transcript": document and document.model_dump(mode="json", exclude_none=True),
    }


def _emit(content: bytes, path: Path | None) -> None:
    if path is not None:
        return _write(path, content)
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
    return None


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: a temporary file beside it, then a rename."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for temporary in _temporary(path):
            temporary.write_bytes(content)
            os.replace(temporary, path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error


def _temporary(path: Path) -> Iterator[Path]:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    os.chmod(name, 0o644)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
