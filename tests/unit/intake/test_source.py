"""One source partition: its log is cut at fixed borders, whatever comes in one batch.

offsets   4,000 ─── 4,096 ────────────── 8,192 ─── …
chunks    |||||||||||[     one chunk     ) [another
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from fault316_schemas import Registry
from fault316_streams.intake.reject import Reason
from fault316_streams.intake.source import Source
from fault316_streams.intake.stats import IntakeStats

REGISTRY = Registry()
EVENT = json.dumps(
    {"id": "e", "code": "316-A", "service": "s", "occurred_at": "2026-01-01T00:00:00Z", "count": 2}
).encode()


@dataclass
class Record:
    """As aiokafka's `ConsumerRecord`, as far as intake looks at it."""

    offset: int
    timestamp: int = 1_767_225_600_000
    value: bytes | None = EVENT


def source(start: int, stats: IntakeStats | None = None) -> Source:
    """A source that begins at `start`."""
    return Source(0, start, REGISTRY, stats or IntakeStats())


def records(*ranges: Iterable[int]) -> list[Record]:
    """Records at these offsets."""
    return [Record(offset) for offsets in ranges for offset in offsets]


def chunks(of: Source) -> list[tuple[int, int, int]]:
    """Start, upto and events of each chunk; the open one last."""
    all_chunks = [*(complete.chunk for complete in of.complete), of.chunk]
    return [
        (chunk.start, chunk.upto, sum(said.total // 2 for said in chunk.snapshot().values()))
        for chunk in all_chunks
    ]


def test_before_the_first_border_each_record_is_a_chunk_of_its_own() -> None:
    """What was said of that chunk before, by whoever began earlier, may end anywhere."""
    began = source(4_093)
    began.take(records(range(4_093, 8_300)))
    singles = [(4_093, 4_094, 1), (4_094, 4_095, 1), (4_095, 4_096, 1)]
    assert chunks(began) == [*singles, (4_096, 8_192, 4_096), (8_192, 8_300, 108)]
    assert [complete.resume_at for complete in began.complete] == [4_094, 4_095, 4_096, 8_192]
    assert began.upto == 8_300


def test_a_hole_among_single_records_goes_back_to_no_border() -> None:
    began = source(4_090)
    began.take(records([4_092, 4_094, 8_000]))
    assert chunks(began) == [(4_092, 4_093, 1), (4_094, 4_095, 1), (4_096, 8_001, 1)]


def test_a_chunk_is_complete_as_soon_as_its_last_offset_is_read() -> None:
    full = source(0)
    full.take(records(range(4_096)))
    assert chunks(full) == [(0, 4_096, 4_096), (4_096, 4_096, 0)]


@given(st.lists(st.integers(1, 3_000), max_size=6))
@settings(max_examples=20, deadline=None)
def test_batches_do_not_move_the_borders(sizes: list[int]) -> None:
    end = 100 + sum(sizes)
    once, often = source(100), source(100)
    once.take(records(range(100, end)))
    at = 100
    for size in sizes:
        often.take(records(range(at, at + size)))
        at += size
    assert chunks(once) == chunks(often)


def test_holes_in_the_log_do_not_move_the_borders() -> None:
    """Transaction markers and compaction leave some; this one swallows a whole chunk."""
    holed = source(0)
    holed.take(records(range(10), range(4_000, 4_095)))
    holed.take(records(range(9_000, 9_010)))
    assert chunks(holed) == [(0, 4_095, 105), (8_192, 9_010, 10)]
    assert [complete.resume_at for complete in holed.complete] == [8_192]


def test_what_retention_took_is_skipped_and_what_was_read_stays() -> None:
    lost = source(0)
    lost.take(records(range(10)))
    lost.skip_to(50)
    lost.take(records(range(50, 60)))
    assert chunks(lost)[:3] == [(0, 10, 10), (50, 51, 1), (51, 52, 1)]
    assert [complete.resume_at for complete in lost.complete] == [50, *range(51, 61)]


def test_refused_records_become_letters_once() -> None:
    stats = IntakeStats()
    bad = source(0, stats)
    bad.take([Record(0), Record(1, value=b"{"), Record(2, value=None)])
    assert bad.letter_bytes == 1
    letters = bad.take_letters()
    assert [(letter.offset, letter.value, letter.rejected.reason) for letter in letters] == [
        (1, b"{", Reason.INVALID_JSON),
        (2, None, Reason.NULL),
    ]
    assert bad.take_letters() == []
    assert bad.letter_bytes == 0
    assert (stats.events, stats.bytes) == (1, len(EVENT) + 1)
    assert stats.rejected == {Reason.INVALID_JSON: 1, Reason.NULL: 1}
