"""Notices partials that are gone: what retention deleted before detect heard it.

Nothing else would. aiokafka goes on at the log's start without a word, both where a worker resumes at a committed
position and where one that runs has fallen that far behind. Offsets of the partials topic have no holes (its records
are neither compacted nor written in transactions), so a step of more than one is a loss.
"""

from collections.abc import Mapping

import structlog

log = structlog.get_logger("fault316.detect")


class Gaps:
    """Follows the offsets that are heard of each partials partition."""

    def __init__(self) -> None:
        self.lost = 0
        """Messages that were never heard, since the process began."""
        self._next: dict[int, int] = {}

    def resume(self, positions: Mapping[int, int]) -> None:
        """Reading goes on there, by partition; told after each rebalance, before the first message."""
        self._next = dict(positions)

    def forget(self) -> None:
        """The partitions went to others."""
        self._next.clear()

    def hear(self, partition: int, offset: int) -> None:
        """This offset is heard now."""
        expected = self._next.get(partition, offset)
        self._next[partition] = offset + 1
        if offset > expected:
            self.lost += offset - expected
            log.error(
                "offset out of range",
                partition=partition,
                offset=expected,
                resume_at=offset,
                why="retention deleted partials before they were heard",
            )
