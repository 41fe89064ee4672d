"""Where chunks begin: a function of the log alone, so that all intakes cut it alike, wherever they begin to read.

offsets   0 ──────── 4,096 ────── 8,192 ───── 12,288 ───── 16,384 ──── …
time      12:00:01   12:00:06     12:00:11    12:00:14     12:00:18        (of the first record there)
chunks    [ one                 ) [ the next one                    …      at most 262,144 offsets

The records between two multiples of 4,096 are a block. A chunk is some blocks: as long as their first records came to
the broker in the same ten seconds. So in a quiet partition a chunk is one block, and never long; in a busy one a code
is named once in ten seconds instead of once in each block.
"""

from typing import Final

BLOCK_BITS: Final = 12
"""4,096 offsets."""
CHUNK_BITS: Final = 18
"""A chunk's records at most, 262,144: what is read again after a crash, some 1 s at full speed."""
CHUNK_MS: Final = 10_000
"""Broker's time that a chunk of more than one block spans, give or take a block."""


def begins_block(offset: int) -> bool:
    """Whether a chunk may begin there; one that is committed as a position does."""
    return block_of(offset) == offset


def block_of(offset: int) -> int:
    """Where the block of an offset begins."""
    return offset >> BLOCK_BITS << BLOCK_BITS


def apart(last: int, began_ms: int | None, offset: int, time_ms: int) -> bool:
    """Whether a chunk begins with a block.

    Args:
        last: the last offset that was read before it.
        began_ms: the broker's time of the first record in the block of `last`; None: not known, because reading began
            inside of it. Then it is no border, if it need not be one.
        offset: that of its first record.
        time_ms: the broker's time of that.
    """
    if last >> CHUNK_BITS != offset >> CHUNK_BITS:
        return True
    return began_ms is not None and began_ms // CHUNK_MS != time_ms // CHUNK_MS
