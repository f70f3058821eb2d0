"""What a command prints or writes of finished jobs. Results go to stdout, the rest to stderr."""

import json
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
    """Where the results for *paths* go, and in which form; no form means lines for people."""

    form: Form | None
    output: Path | None
    as_json: bool
    paths: tuple[Path, ...]

    def __post_init__(self) -> None:
        """Refuse at once what could not be written at the end."""
        if self.output is None:
            return
        try:
            self._check(self.output)
        except OSError as error:
            raise UserError(f"{self.output} cannot be written: {error.strerror}") from error

    @property
    def _several(self) -> bool:
        return len(self.paths) > 1 and not self.as_json

    @property
    def _into_folder(self) -> bool:
        return self._several or (self.output is not None and self.output.is_dir())

    def path_for(self, path: Path) -> Path:
        """The file that the result for *path* is written to."""
        assert self.output is not None
        if not self._into_folder:
            return self.output
        suffix = Path(file_name(FORMATS[self.form or Form.TXT])).suffix
        return self.output / f"{path.name}{suffix}"

    def _check(self, output: Path) -> None:
        if self._several and output.exists() and not output.is_dir():
            raise UserError(f"{output} is a file, but several results need a folder")
        if self.as_json and output.is_dir():
            raise UserError(f"{output} is a folder, but --json writes one file")
        folder = output if self._into_folder else output.parent
        if not self._into_folder and not folder.is_dir():
            raise UserError(f"there is no folder {folder} to write {output.name} into")
        if folder.is_dir() and not os.access(folder, os.W_OK) and not _is_device(output):
            raise UserError(f"{folder} may not be written to: permission denied")
        if self._several:
            self._check_names()

    def _check_names(self) -> None:
        taken: dict[Path, Path] = {}
        for path in self.paths:
            other = taken.setdefault(self.path_for(path), path)
            if other.absolute() != path.absolute():
                raise UserError(f"{other} and {path} would both become {self.path_for(path)}")


def print_outcomes(outcomes: Sequence[Outcome], sink: Sink) -> None:
    """Print or write every transcript there is."""
    if sink.as_json:
        text = json.dumps([_record(outcome) for outcome in outcomes], indent=2, ensure_ascii=False)
        _emit(f"{text}\n".encode(errors="replace"), sink.output)
        return
    done = [outcome for outcome in outcomes if outcome.document is not None]
    for number, outcome in enumerate(done):
        assert outcome.document is not None
        content = _content(outcome, outcome.document, sink)
        if sink.output is not None:
            _write(sink.path_for(outcome.path), content)
        else:
            _emit(content if number == 0 or sink.form is not None else b"\n" + content, None)


def for_people(outcome: Outcome, document: Transcript) -> bytes:
    """The transcript as lines for people, file names byte for byte as they are."""
    return _readable(outcome, document).encode(errors="surrogateescape")


def _readable(outcome: Outcome, document: Transcript) -> str:
    """A heading, then times, channel, speaker and text."""
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
    lines += [f"  warning: {item.stage}: {item.message}" for item in meta.pipeline_warnings]
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
        return for_people(outcome, document)
    return whole_lines(render(document, FORMATS[sink.form or Form.TXT], RenderOptions()))


def whole_lines(content: bytes) -> bytes:
    """The content with an end to its last line."""
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
    if path is None:
        to_stdout(content)
    else:
        _write(path, content)


def to_stdout(content: bytes) -> None:
    """Write to stdout; raises CommandError when it takes no more."""
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise CommandError(f"stdout cannot be written: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: a temporary file beside it, then a rename. Links and devices stay."""
    try:
        if _is_device(path):
            path.write_bytes(content)
            return
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(target) as temporary:
            with temporary.open("xb") as stream:
                stream.write(content)
            os.replace(temporary, target)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error


def _is_device(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    temporary = path.with_name(f".{secrets.token_hex(8)}")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
