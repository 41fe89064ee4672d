"""Faust's consumer, with a mend for records that it loses around a rebalance (faust-streaming 0.15.3).

Faust hands its set of active partitions to a fetch that may wait for a second. A rebalance in that second empties
the very set, and an empty one means *all* partitions to aiokafka. What the fetch then returns, of partitions
that recovery has just positioned, is thrown away because it is not in the set, and is never read again: recovery
waits for ever for a changelog that it has lost, or partials are skipped and counted as read.
"""

from typing import Any

from faust.transport.drivers import aiokafka as driver


class Consumer(driver.Consumer):  # type: ignore[misc]  # Faust has no types
    """Fetches what was active when the fetch began, and gives on what is active when it has ended."""

    async def _getmany(self, active_partitions: set[Any] | None, timeout: float) -> Any:
        asked = None if active_partitions is None else frozenset(active_partitions)
        return await super()._getmany(asked, timeout)

    async def _wait_next_records(self, timeout: float) -> tuple[Any, set[Any] | None]:
        records, active = await super()._wait_next_records(timeout)
        return records, None if active is None else self._get_active_partitions()


class Transport(driver.Transport):  # type: ignore[misc]
    """Makes such consumers."""

    Consumer = Consumer
