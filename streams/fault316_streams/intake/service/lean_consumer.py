"""aiokafka's consumer, with less done for each record.

aiokafka unpacks a batch in C, and then handles each record in Python, where it makes a dataclass of eleven fields of it:
two thirds of what unpacking costs. Intake reads three of the fields, and those the unpacked record has as well. Before
that it adds up checksums, which `intact` does faster. And while any partition's records are not all handed out, it
fetches nothing for the others: here what comes next is fetched meanwhile.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, dropwhile, islice
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition, conn
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException

from fault316_streams.intake.service.intact import intact

FETCH_API_KEY: Final = 1

conn.READER_LIMIT = 1024 * 1024
"""aiokafka stops listening to a socket when twice this waits to be read, and begins again soon after: with its 64 KB,
a hundred times in an answer."""


class LeanConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """Hands out records that have `offset`, `timestamp` and `value`, and maybe no more; also of aborted transactions."""

    def __init__(self, **options: Any) -> None:
        """`options`: aiokafka's."""
        super().__init__(**options)
        self._doubt = False
        """Whether something came that is not intact, as far as we can tell; from then on aiokafka looks at each batch."""
        self._client_send = self._client.send
        self._client.send = self._send

    async def start(self) -> None:
        """As aiokafka's."""
        await super().start()
        self._fetcher._records = _Fetched(self._lean, self._fetcher._records)

    def _lean(self, result: FetchResult) -> None:
        lean(result, check=self._doubt)

    async def _send(self, node_id: int, request: Any, **options: Any) -> Any:
        response = await self._client_send(node_id, request, **options)
        if response.API_KEY == FETCH_API_KEY and not self._doubt:
            self._doubt = not all(
                intact(partition[-1] or b"") for _, partitions in response.topics for partition in partitions
            )
        return response


class _Fetched(OrderedDict[TopicPartition, Any]):
    """What was fetched and not handed out yet, by partition; results are made lean before anybody sees them."""

    def __init__(self, prepare: Callable[[FetchResult], None], before: Mapping[TopicPartition, Any]) -> None:
        self._prepare = prepare
        super().__init__(before)

    def __setitem__(self, partition: TopicPartition, result: Any) -> None:
        if isinstance(result, FetchResult):
            self._prepare(result)
        super().__setitem__(partition, result)


def lean(fetched: FetchResult, *, check: bool) -> None:
    """Replace `getall` of what was fetched of one partition, and of which nothing is handed out yet.

    Args:
        fetched: the result.
        check: look at the checksums; `getall` then raises CorruptRecordException.
    """
    records: PartitionRecords = fetched._partition_records
    records._records_iterator = None  # the one in Python, which holds on to them
    unread = chain.from_iterable(_batches(records, check))

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
    fetched._backoff = 0.0  # how long to fetch nothing for the others


def _batches(records: PartitionRecords, check: bool) -> Iterator[Iterator[Any]]:
    """The records of each batch. What is between them, and after the last one, is told by `next_fetch_offset`."""
    while records._records.has_next():
        batch = records._records.next_batch()
        if check and not batch.validate_crc():
            raise CorruptRecordException(f"Invalid CRC - {records._tp}")
        if not batch.is_control_batch:
            # A batch is fetched whole, though the position may be inside of it.
            yield dropwhile(lambda record: record.offset < records.next_fetch_offset, batch)
        records.next_fetch_offset = batch.next_offset
