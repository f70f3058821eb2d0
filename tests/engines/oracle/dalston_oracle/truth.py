"""What was really said: truth files, by the digest of their audio."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError

from dalston_engines.errors import EngineUnavailable
from dalston_oracle.options import faults


class TrueWord(BaseModel):
    """One spoken word, in seconds of the media."""

    text: str
    start: float
    end: float

    @property
    def middle(self) -> float:
        """Half-way between its start and its end."""
        return (self.start + self.end) / 2


class Turn(BaseModel):
    """One speaker's words without a break, on one channel."""

    channel: int
    words: tuple[TrueWord, ...]


class Truth(BaseModel):
    """All that was said in one file."""

    sha256: str
    language: str
    turns: tuple[Turn, ...]


def read_truths(folders: Iterable[Path]) -> Mapping[str, Truth]:
    """The folders' truth files by digest; raises EngineUnavailable naming the one at fault."""
    paths = [path for folder in folders for path in sorted(folder.glob("*.truth.json"))]
    return {truth.sha256: truth for truth in map(_read, paths)}


def _read(path: Path) -> Truth:
    try:
        return Truth.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise EngineUnavailable(f"{path} is not a truth file: {faults(error)}") from error
