"""aiokafka's consumer, without what nobody reads of a record.

aiokafka unpacks a batch in C, and then handles each record in Python, where it makes a dataclass of eleven fields of it:
two thirds of what unpacking costs. Intake reads three of the fields, and those the unpacked record has as well.
"""

from collections.abc import Iterator
from itertools import chain, dropwhile, islice
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException


class LeanConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """Hands out records that have `offset`, `timestamp` and `value`, and maybe no more; also of aborted transactions."""

    async def getmany(self, *partitions: Any, timeout_ms: int = 0, max_records: int | None = None) -> Any:
        """As aiokafka's."""
        for fetched in self._fetcher._records.values():
            if isinstance(fetched, FetchResult) and fetched.has_more() and "getall" not in vars(fetched):
                lean(fetched)
        return await super().getmany(*partitions, timeout_ms=timeout_ms, max_records=max_records)


def lean(fetched: FetchResult) -> None:
    """Replace `getall` of what was fetched of one partition."""
    records: PartitionRecords = fetched._partition_records
    records._records_iterator = None  # the one in Python, which holds on to them
    unread = chain.from_iterable(_batches(records))

    def getall(max_records: int | None = None) -> list[Any]:
        taken: list[Any] = []
        if fetched.check_assignment(fetched._topic_partition):
            taken = list(islice(unread, max_records))
            if taken:
                records.next_fetch_offset = max(records.next_fetch_offset, taken[-1].offset + 1)
            fetched._update_position()
        if len(taken) != max_records:  # these were the last ones
            fetched._partition_records = None
            del fetched.getall  # and with it the cycle that it is in
        return taken

    fetched.getall = getall


def _batches(records: PartitionRecords) -> Iterator[Iterator[Any]]:
    """The records of each batch. What is between them, and after the last one, is told by `next_fetch_offset`.

    Raises:
        CorruptRecordException: a batch is not what was written.
    """
    while records._records.has_next():
        batch = records._records.next_batch()
        if not batch.validate_crc():
            raise CorruptRecordException(f"Invalid CRC - {records._tp}")
        if not batch.is_control_batch:
            # A batch is fetched whole, though the position may be inside of it.
            yield dropwhile(lambda record: record.offset < records.next_fetch_offset, batch)
        records.next_fetch_offset = batch.next_offset
