"""What `LeanConsumer` hands out, and where it then is, against aiokafka itself. Real batches, no broker."""

import struct
from dataclasses import dataclass
from typing import Any, Self

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from fault316_streams.intake.service.intact import HEADER_BYTES, MAGIC, intact
from fault316_streams.intake.service.lean_consumer import lean

TP = TopicPartition("316.events", 0)
CHECKSUM_AT = 17


@dataclass
class Assignment:
    """One partition's, as far as a fetch looks at it."""

    position: int
    active: bool = True
    paused: bool = False

    def state_value(self, _tp: TopicPartition) -> Self:
        return self

    def consumed_to(self, offset: int) -> None:
        self.position = offset


def batch(base: int, records: int, *, gap: int = 0, control: bool = False) -> bytes:
    """A batch as it is on the wire: its records from offset `base` on, then `gap` offsets that compaction has emptied."""
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1 << 20)
    for number in range(records):
        builder.append(number, 1_000 + base + number, None, b"%d" % (base + number), [])
    raw = bytearray(builder.build())
    struct.pack_into(">q", raw, 0, base)
    struct.pack_into(">hi", raw, 21, 0x20 if control else 0, records - 1 + gap)
    struct.pack_into(">I", raw, 17, calc_crc32c(bytes(raw[21:])))
    return bytes(raw)


def fetched(log: bytes, position: int) -> tuple[FetchResult, Assignment]:
    """A fetch from `position` on that brought `log`."""
    assignment = Assignment(position)
    records = PartitionRecords(TP, MemoryRecords(log), [], position, None, None, True, "read_uncommitted")
    return FetchResult(TP, assignment=assignment, partition_records=records, backoff=0), assignment


def taken(records: list[Any]) -> list[tuple[int, int, bytes]]:
    return [(record.offset, record.timestamp, record.value) for record in records]


@given(
    batches=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3), st.booleans()), min_size=1, max_size=6),
    inside=st.integers(0, 4),
    sizes=st.lists(st.none() | st.integers(1, 7), min_size=1),
)
def test_records_and_positions_are_aiokafkas_own(
    batches: list[tuple[int, int, bool]], inside: int, sizes: list[int | None]
) -> None:
    """Also where the position is inside of a batch, where offsets are missing, and where markers lie between."""
    log, base = b"", 0
    for records, gap, control in batches:
        log += batch(base, records, gap=gap, control=control)
        base += records + gap
    theirs, ours = fetched(log, inside), fetched(log, inside)
    lean(ours[0], check=True)
    for size in [*sizes, None]:
        if theirs[0].has_more():
            assert taken(ours[0].getall(size)) == taken(theirs[0].getall(size))
        assert ours[1].position == theirs[1].position
        assert ours[0].has_more() == theirs[0].has_more()


def test_a_fetch_that_a_seek_has_overtaken_gives_nothing() -> None:
    result, assignment = fetched(batch(0, 5), 0)
    lean(result, check=True)
    assert len(result.getall(2)) == 2
    assignment.position = 0
    assert result.getall(2) == []
    assert not result.has_more()
    assert assignment.position == 0


def test_a_damaged_batch_is_never_counted() -> None:
    """What comes before it in the same answer is read again with it: the position has not moved."""
    damaged = bytearray(batch(2, 2))
    damaged[-2] ^= 1
    result, assignment = fetched(batch(0, 2) + bytes(damaged), 0)
    lean(result, check=True)
    with pytest.raises(CorruptRecordException):
        result.getall(10)
    assert assignment.position == 0
    assert result.getall(10) == []
    assert not result.has_more()


@given(st.integers(0, 3), st.integers(0, 3), st.data())
def test_a_flipped_bit_is_seen_in_all_that_a_checksum_covers(
    before: int, after: int, data: st.DataObject
) -> None:
    """And in itself. The last batch may be cut off anywhere."""
    damaged = bytearray(batch(0, 3))
    damaged[data.draw(st.integers(CHECKSUM_AT, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    begin, end = batch(0, 1) * before, batch(0, 2) * after
    cut_off = batch(0, 3)[: data.draw(st.integers(0, len(damaged) - 1))]
    assert intact(begin + end + cut_off)
    assert not intact(begin + damaged + end + cut_off)


@pytest.mark.parametrize("length", [-(1 << 31), -HEADER_BYTES, -12, 0, 48])
def test_a_length_that_cannot_be_ends_the_look(length: int) -> None:
    wrong = bytearray(batch(0, 1))
    struct.pack_into(">i", wrong, 8, length)
    assert not intact(bytes(wrong))


def test_an_older_layout_is_left_to_aiokafka() -> None:
    older = bytearray(batch(0, 1))
    older[16] = MAGIC - 1
    assert not intact(bytes(older))
