"""The length a WAV file's header states: libav believes the size of the file instead."""

from typing import BinaryIO

UNKNOWN_SIZE = 0x7FFF_0000
"""Sizes from here on are what programs write that do not know the length yet."""


def promised_seconds(source: BinaryIO) -> float | None:
    """Seconds the header promises; None when it does not. Leaves the stream at its start."""
    try:
        return _seconds(source) if _is_wav(source.read(12)) else None
    finally:
        source.seek(0)


def _is_wav(start: bytes) -> bool:
    return start[:4] == b"RIFF" and start[8:] == b"WAVE"


def _seconds(source: BinaryIO) -> float | None:
    """Seconds of the data chunk, by the bytes per second of the format chunk."""
    at, rate = 12, 0
    while len(header := _at(source, at, 8)) == 8:
        name, size = header[:4], int.from_bytes(header[4:], "little")
        if name == b"fmt ":
            rate = int.from_bytes(_at(source, at + 16, 4), "little")
        elif name == b"data":
            return size / rate if rate and size < UNKNOWN_SIZE else None
        at += 8 + size + size % 2
    return None


def _at(source: BinaryIO, position: int, count: int) -> bytes:
    source.seek(position)
    return bytes(source.read(count))
