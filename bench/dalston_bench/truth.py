"""Reads a sample's truth file: who said which word when. Times are in seconds on its clock."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Word:
    """One spoken word with its start and end in seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Turn:
    """One speaker's uninterrupted words on one channel, start and end in seconds."""

    speaker: str
    channel: int
    start: float
    end: float
    text: str
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Truth:
    """All that is known of one audio file; duration in seconds, sample_rate in hertz."""

    audio: str
    sha256: str
    duration: float
    sample_rate: int
    channels: int
    language: str
    turns: tuple[Turn, ...]

    def words(self) -> tuple[Word, ...]:
        """All words of all channels in order of their start."""
        return _in_time_order(self.turns)

    def channel_words(self, channel: int) -> tuple[Word, ...]:
        """The words of one channel, counted from 0, in order of their start."""
        return _in_time_order(turn for turn in self.turns if turn.channel == channel)

    def text(self) -> str:
        """The words of all channels in order of their start, with single spaces."""
        return " ".join(word.text for word in self.words())

    def channel_text(self, channel: int) -> str:
        """The words of one channel, counted from 0, with single spaces."""
        return " ".join(word.text for word in self.channel_words(channel))


def load_truth(path: Path) -> Truth:
    """Reads a truth file; raises ValueError naming the file when a field is missing or wrong."""
    try:
        return _truth(json.loads(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} is not a truth file: {error!r}") from error


def _truth(raw: dict[str, Any]) -> Truth:
    return Truth(
        audio=str(raw["audio"]),
        sha256=str(raw["sha256"]),
        duration=float(raw["duration"]),
        sample_rate=int(raw["sampleRate"]),
        channels=int(raw["channels"]),
        language=str(raw["language"]),
        turns=tuple(_turn(turn) for turn in raw["turns"]),
    )


def _turn(raw: dict[str, Any]) -> Turn:
    return Turn(
        speaker=str(raw["speaker"]),
        channel=int(raw["channel"]),
        start=float(raw["start"]),
        end=float(raw["end"]),
        text=str(raw["text"]),
        words=tuple(
            Word(str(word["text"]), float(word["start"]), float(word["end"]))
            for word in raw["words"]
        ),
    )


def _in_time_order(turns: Iterable[Turn]) -> tuple[Word, ...]:
    words = (word for turn in turns for word in turn.words)
    return tuple(sorted(words, key=lambda word: (word.start, word.end)))
