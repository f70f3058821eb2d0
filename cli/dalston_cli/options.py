"""The options that ``transcribe`` and ``explain`` share, and the spec they make."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer
from pydantic import ValidationError

from dalston_cli.errors import UserError
from dalston_crds.v1alpha1 import JobSpec, Source, SpeakerMode, Speakers, Task, Timestamps


class SpeakerChoice(StrEnum):
    """How speakers are told apart."""

    NONE = "none"
    DIARIZE = "diarize"
    PER_CHANNEL = "per-channel"


class TimestampChoice(StrEnum):
    """The finest times wanted."""

    NONE = "none"
    SEGMENT = "segment"
    WORD = "word"
    CHARACTER = "character"


SPEAKER_MODES = {
    SpeakerChoice.NONE: SpeakerMode.NONE,
    SpeakerChoice.DIARIZE: SpeakerMode.DIARIZE,
    SpeakerChoice.PER_CHANNEL: SpeakerMode.PER_CHANNEL,
}


@dataclass(frozen=True)
class JobFlags:
    """Options that change what comes out."""

    model: Annotated[
        str, typer.Option("--model", "-m", help="Model or engine; see: dalston engines list.")
    ] = "auto"
    language: Annotated[
        str | None, typer.Option("--language", "-l", help="Spoken language, such as en.")
    ] = None
    speakers: Annotated[
        SpeakerChoice, typer.Option("--speakers", "-s", help="How speakers are told apart.")
    ] = SpeakerChoice.NONE
    speaker_names: Annotated[
        str, typer.Option(help="Names in order of channel or of speech, with commas.")
    ] = ""
    num_speakers: Annotated[int | None, typer.Option(help="Exact number of speakers.")] = None
    min_speakers: Annotated[int | None, typer.Option(help="At least this many.")] = None
    max_speakers: Annotated[int | None, typer.Option(help="At most this many.")] = None
    vocabulary: Annotated[
        str, typer.Option("--vocabulary", "-v", help="Words to favour, with commas.")
    ] = ""
    timestamps: Annotated[
        TimestampChoice, typer.Option("--timestamps", "-t", help="Finest times wanted.")
    ] = TimestampChoice.WORD
    prompt: Annotated[str, typer.Option(help="Text that sets the style.")] = ""
    translate: Annotated[bool, typer.Option("--translate", help="Into English.")] = False


def spec_for(flags: JobFlags, uri: str) -> JobSpec:
    """The spec of a job for the audio at *uri*; raises UserError naming a bad option."""
    try:
        return JobSpec(
            source=Source(uri=uri),
            task=Task.TRANSLATE if flags.translate else Task.TRANSCRIBE,
            model=flags.model,
            language=flags.language,
            speakers=_speakers(flags),
            timestamps=Timestamps(flags.timestamps.capitalize()),
            vocabulary=_listed(flags.vocabulary),
            prompt=flags.prompt,
        )
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(str(place) for place in fault["loc"])
        message = fault["msg"].removeprefix("Value error, ")
        raise UserError(f"{field}: {message}" if field else message) from error


def _speakers(flags: JobFlags) -> Speakers:
    return Speakers(
        mode=SPEAKER_MODES[flags.speakers],
        count=flags.num_speakers,
        min=flags.min_speakers,
        max=flags.max_speakers,
        names=_listed(flags.speaker_names),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(piece.strip() for piece in text.split(",") if piece.strip())
