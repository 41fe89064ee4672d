"""Counts by epoch second or minute, small for a code that is always busy and for one that seldom is.

A plain dict takes about 100 bytes for each second that had an event. Here sixty neighbours share one array of two
bytes each (eight where a count needs them): five bytes each when all are in use, some 300 for a lone one.
"""

from array import array
from collections.abc import Iterator, Mapping
from typing import Final

BLOCK: Final = 60
NARROW: Final = "H"
WIDE: Final = "Q"


class Counts(Mapping[int, int]):
    """Place → count; only places that have one are in it."""

    __slots__ = ("_blocks",)

    def __init__(self) -> None:
        self._blocks: dict[int, array[int]] = {}

    def add(self, at: int, events: int) -> None:
        """Count so many more."""
        counts = self._blocks.get(at // BLOCK)
        if counts is None:
            counts = self._blocks[at // BLOCK] = array(NARROW, bytes(2 * BLOCK))
        try:
            counts[at % BLOCK] += events
        except OverflowError:
            counts = self._blocks[at // BLOCK] = array(WIDE, counts)
            counts[at % BLOCK] += events

    def between(self, begin: int, end: int) -> int:
        """The sum of `[begin, end)`."""
        total = 0
        while begin < end:
            first = begin % BLOCK
            last = first + end - begin
            counts = self._blocks.get(begin // BLOCK)
            if counts is not None:
                total += sum(counts[first:last])
            begin += BLOCK - first
        return total

    def forget_before(self, at: int) -> None:
        """Let go of all that is earlier."""
        edge, places = divmod(at, BLOCK)
        for block in [block for block in self._blocks if block < edge]:
            del self._blocks[block]
        if (counts := self._blocks.get(edge)) is not None:
            counts[:places] = array(counts.typecode, bytes(counts.itemsize * places))

    def packed(self) -> dict[int, list[int]]:
        """For the table entry: block → its sixty counts."""
        return {block: counts.tolist() for block, counts in self._blocks.items()}

    @classmethod
    def unpacked(cls, packed: Mapping[int, list[int] | int]) -> "Counts":
        """The same from a table entry; one of version 1 has place → count. Raises ValueError: it is neither."""
        self = cls()
        for at, value in packed.items():
            if isinstance(value, int):
                self.add(at, value)
            elif len(value) == BLOCK and min(value) >= 0:
                self._blocks[at] = array(NARROW if max(value) < 1 << 16 else WIDE, value)
            else:
                raise ValueError(f"block {at} is not {BLOCK} counts")
        return self

    def __getitem__(self, at: int) -> int:
        if at in self:
            return self._blocks[at // BLOCK][at % BLOCK]
        raise KeyError(at)

    def __contains__(self, at: object) -> bool:
        counts = self._blocks.get(at // BLOCK)  # type: ignore[operator]  # a mapping may be asked for anything
        return counts is not None and counts[at % BLOCK] > 0  # type: ignore[operator]

    def __iter__(self) -> Iterator[int]:
        """In order."""
        for block in sorted(self._blocks):
            first = block * BLOCK
            yield from (first + place for place, events in enumerate(self._blocks[block]) if events)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Counts({dict(self)})"
