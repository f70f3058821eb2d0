"""What a test asks of the oracle: one JSON file, named by the environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dalston_engines.errors import EngineUnavailable

VARIABLE = "DALSTON_ORACLE"
"""Environment variable that names the options file."""

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Crash(_Options):
    """Where and how the engine ends."""

    after: int = Field(ge=0)
    """Windows, or parts, that are answered before."""
    count: Literal["windows", "parts"] = "windows"
    how: Literal["exit", "raise"] = "exit"
    """``exit`` ends the process at once, as a kill would; ``raise`` lets the driver report."""
    exit_code: int = Field(default=1, ge=0, le=255)
    once: Path | None = None
    """Marker file: written at the crash, and while it exists there is no other."""


class Warn(_Options):
    """A warning that every hypothesis carries."""

    reason: str
    message: str


class OracleOptions(_Options):
    """All of it; the defaults give a perfect engine."""

    truth: tuple[Path, ...] = ()
    """Folders with ``*.truth.json``."""
    speed: float | None = Field(default=None, gt=0)
    """Seconds of audio it pretends to get through in a second; really waits."""
    load_seconds: Seconds = 0.0
    dropped: tuple[tuple[Seconds, Seconds], ...] = ()
    """Stretches of the media in which it hears nothing."""
    drop_every: int | None = Field(default=None, ge=1)
    """Hears nothing in every n-th window."""
    deaf: bool = False
    """What it dropped it does not hear on the second look either."""
    crash: Crash | None = None
    no_words: bool = False
    no_confidence: bool = False
    logprobs: bool = False
    """Gives tokens with log probabilities."""
    language: str | None = None
    """The language it claims to hear."""
    language_confidence: float | None = None
    fail_vocabulary: bool = False
    segment_overrun: Seconds = 0.0
    """Segments end this long after their last word."""
    warnings: tuple[Warn, ...] = ()
    log: Path | None = None
    """Gets one line of JSON per window decoded."""


def read_options(environment: Mapping[str, str]) -> OracleOptions:
    """The options in the file the environment names; raises EngineUnavailable saying why not."""
    if not environment.get(VARIABLE):
        raise EngineUnavailable(f"the oracle needs an options file: name it in {VARIABLE}")
    path = Path(environment[VARIABLE])
    try:
        return OracleOptions.model_validate_json(path.read_bytes())
    except OSError as error:
        raise EngineUnavailable(f"{VARIABLE}: cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        raise EngineUnavailable(f"{VARIABLE}: {path} is wrong: {faults(error)}") from error


def faults(error: ValidationError) -> str:
    """Every fault by its field."""
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
