"""A set of part numbers and its wire form, the interval string ``0-57,60``.

Backed by one integer's bits, so that unions and differences of thousands of parts cost nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

RUN = re.compile("1+")
WRITTEN = re.compile(r"([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)?")
MAX_PART = 1 << 20
"""Part numbers stay below this, so that no interval string can ask for much memory."""


@dataclass(frozen=True)
class PartSet:
    """An immutable set of part numbers (0 and up)."""

    bits: int = 0

    @classmethod
    def parse(cls, text: str) -> PartSet:
        """Read an interval string; raises ValueError when it is malformed or too large."""
        return cls(_bits(text))

    @classmethod
    def of(cls, parts: Iterable[int]) -> PartSet:
        """The set of these numbers."""
        bits = 0
        for part in parts:
            bits |= 1 << part
        return cls(bits)

    @classmethod
    def first(cls, count: int) -> PartSet:
        """The parts 0 to *count* - 1."""
        return cls((1 << count) - 1)

    def __or__(self, other: PartSet) -> PartSet:
        return PartSet(self.bits | other.bits)

    def __and__(self, other: PartSet) -> PartSet:
        return PartSet(self.bits & other.bits)

    def __sub__(self, other: PartSet) -> PartSet:
        return PartSet(self.bits & ~other.bits)

    def __len__(self) -> int:
        return self.bits.bit_count()

    def __bool__(self) -> bool:
        return self.bits != 0

    def __contains__(self, part: int) -> bool:
        return bool(self.bits >> part & 1)

    def __le__(self, other: PartSet) -> bool:
        return not self.bits & ~other.bits

    def __iter__(self) -> Iterator[int]:
        for low, high in _ranges(self.bits):
            yield from range(low, high + 1)

    def __str__(self) -> str:
        return _text(self.bits)

    def contiguous_start(self) -> int:
        """How many parts from 0 on are in the set without a gap."""
        return (~self.bits & (self.bits + 1)).bit_length() - 1

    def runs(self, count: int) -> tuple[PartSet, ...]:
        """Split into *count* runs in order, sizes differing by one at most."""
        members = tuple(self)
        size, longer = divmod(len(members), count)
        cuts = [index * size + min(index, longer) for index in range(count + 1)]
        return tuple(PartSet.of(members[low:high]) for low, high in pairwise(cuts))


def _ranges(bits: int) -> Iterator[tuple[int, int]]:
    flags = f"{bits:b}"[::-1]
    return ((run.start(), run.end() - 1) for run in RUN.finditer(flags))


# A planner reads the same strings in every pass: both directions remember the latest ones.


@lru_cache(maxsize=256)
def _text(bits: int) -> str:
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in _ranges(bits))


@lru_cache(maxsize=256)
def _bits(text: str) -> int:
    if not WRITTEN.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no interval string such as 0-57,60")
    bits = 0
    for piece in text.split(",") if text else ():
        first, _, last = piece.partition("-")
        low, high = int(first), int(last or first)
        if not low <= high < MAX_PART:
            raise ValueError(f"interval {piece!r} runs backwards or beyond part {MAX_PART}")
        bits |= ((1 << (high - low + 1)) - 1) << low
    return bits
