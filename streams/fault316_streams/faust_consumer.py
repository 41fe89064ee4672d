"""Faust's consumer, mended where a rebalance makes it lose records (faust-streaming 0.15.3).

**Fetches.** Faust hands its set of active partitions to a fetch that may wait for a second. A rebalance in that
second empties the very set, and an empty one means *all* partitions to aiokafka. What the fetch then returns, of
partitions that recovery has just positioned, is thrown away because it is not in the set, and is never read again:
recovery waits for ever for a changelog that it has lost, or partials are skipped and counted as read.

**Positions.** Faust recovers the tables, and then asks where to go on. A worker that was stopped in between, and
whose partitions another had meanwhile, would go on where the other was, with tables that lack what the other heard.
So the positions are asked for before the ends of the changelogs: what was committed by then is in the tables.

**Commits.** One that the group has taken is how a worker knows that the partitions are still its own.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from faust.transport.drivers import aiokafka as driver


class Consumer(driver.Consumer):  # type: ignore[misc]  # Faust has no types
    """Fetches what was active when the fetch began, and gives on what is active when it has ended."""

    _resume_at: Mapping[Any, int] = MappingProxyType({})

    async def _getmany(self, active_partitions: set[Any] | None, timeout: float) -> Any:
        asked = None if active_partitions is None else frozenset(active_partitions)
        return await super()._getmany(asked, timeout)

    async def _wait_next_records(self, timeout: float) -> tuple[Any, set[Any] | None]:
        records, active = await super()._wait_next_records(timeout)
        return records, None if active is None else self._get_active_partitions()

    async def _commit(self, offsets: Mapping[Any, int]) -> bool:
        detector = self.app.detector
        tenure, ours = detector.tenure, offsets.keys() & self.assignment()
        taken: bool = await super()._commit(offsets)
        if taken and ours:
            detector.confirm(tenure)
        return taken

    async def highwaters(self, *partitions: Any) -> Any:
        """The changelogs' ends, which each recovery asks for first."""
        self._resume_at = await self._thread.call_thread(self._positions)
        return await super().highwaters(*partitions)

    async def seek_to_committed(self) -> Any:
        """Go where the tables are; returns all positions."""
        positions = dict(await super().seek_to_committed())
        for partition, offset in self._resume_at.items():
            if partition in positions and positions[partition] != offset:
                await self._seek(partition, offset)
                positions[partition] = offset
        resume_at = {tp.partition: offset for tp, offset in self._resume_at.items() if tp in positions}
        self.app.detector.gaps.resume(resume_at)
        return positions

    async def _positions(self) -> dict[Any, int]:
        """Committed ones; the log's start where there is none. In the consumer's own thread."""
        consumer = self._thread._ensure_consumer()
        changelogs = self.app.tables.changelog_topics
        partitions = [tp for tp in consumer.assignment() if tp.topic not in changelogs]
        committed = {tp: await consumer.committed(tp) for tp in partitions}
        start: dict[Any, int] = await consumer.beginning_offsets(partitions)
        return {tp: start[tp] if offset is None else offset for tp, offset in committed.items()}


class Transport(driver.Transport):  # type: ignore[misc]
    """Makes such consumers."""

    Consumer = Consumer
