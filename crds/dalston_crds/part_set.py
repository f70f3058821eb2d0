"""A set of part numbers and its wire form, the interval string ``0-57,60``.

Backed by one integer's bits, so that unions and differences of thousands of parts cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class PartSet:
    """An immutable set of part numbers (0 and up)."""

    bits: int = 0

    @classmethod
    def parse(cls, text: str) -> PartSet:
        """Read an interval string; raises ValueError when it is malformed."""
        bits = 0
        for piece in text.split(",") if text else ():
            first, _, last = piece.partition("-")
            low, high = int(first), int(last or first)
            if high < low:
                raise ValueError(f"interval {piece!r} runs backwards")
            bits |= ((1 << (high - low + 1)) - 1) << low
        return cls(bits)

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
        for low, high in self._ranges():
            yield from range(low, high + 1)

    def __str__(self) -> str:
        return ",".join(
            str(low) if low == high else f"{low}-{high}" for low, high in self._ranges()
        )

    def contiguous_start(self) -> int:
        """How many parts from 0 on are in the set without a gap."""
        return (~self.bits & (self.bits + 1)).bit_length() - 1

    def runs(self, count: int) -> tuple[PartSet, ...]:
        """Split into *count* runs in order, sizes differing by one at most."""
        members = tuple(self)
        size, longer = divmod(len(members), count)
        cuts = [index * size + min(index, longer) for index in range(count + 1)]
        return tuple(
            PartSet.of(members[low:high]) for low, high in pairwise(cuts)
        )

    def _ranges(self) -> Iterator[tuple[int, int]]:
        bits, base = self.bits, 0
        while bits:
            gap = (bits & -bits).bit_length() - 1
            bits >>= gap
            length = (~bits & (bits + 1)).bit_length() - 1
            yield base + gap, base + gap + length - 1
            bits >>= length
            base += gap + length
