"""One source partition: its log is cut at borders of its own, whatever comes in one batch."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fault316_schemas import Registry
from fault316_streams.intake.reject import Reason
from fault316_streams.intake.source import Source
from fault316_streams.intake.stats import IntakeStats

REGISTRY = Registry()
T = 1_767_225_600_000
"""Ten seconds begin."""
EVENT = json.dumps(
    {"id": "e", "code": "316-A", "service": "s", "occurred_at": "2026-01-01T00:00:00Z", "count": 2}
).encode()


@dataclass
class Record:
    """As aiokafka's `ConsumerRecord`, as far as intake looks at it."""

    offset: int
    timestamp: int = T
    value: bytes | None = EVENT


def source(start: int, stats: IntakeStats | None = None, committed: bool = True) -> Source:
    """A source that begins at `start`."""
    return Source(0, start, REGISTRY, stats or IntakeStats(), committed)


def records(*ranges: Iterable[int], at_s: float = 0) -> list[Record]:
    """Records at these offsets, which the broker took at the same time."""
    return [Record(offset, T + round(at_s * 1_000)) for offsets in ranges for offset in offsets]


def timed(*spans: tuple[int, int, float]) -> list[Record]:
    """Records from one offset up to another, at a time."""
    return [record for start, upto, at_s in spans for record in records(range(start, upto), at_s=at_s)]


def chunks(of: Source) -> list[tuple[int, int, int]]:
    """Start, upto and events of each chunk; the open one last."""
    all_chunks = [*(complete.chunk for complete in of.complete), of.chunk]
    return [
        (chunk.start, chunk.upto, sum(said.total // 2 for said in chunk.snapshot().values()))
        for chunk in all_chunks
    ]


def resumes(of: Source) -> list[int | None]:
    """Where reading may resume after each complete chunk."""
    return [complete.resume_at for complete in of.complete]


def test_a_chunk_ends_with_a_block_in_which_ten_seconds_have_ended() -> None:
    """In a quiet partition that is the next block; in a busy one some blocks are one chunk."""
    busy = source(0)
    busy.take(timed((0, 5_000, 0), (5_000, 9_000, 9.9), (9_000, 13_000, 10), (13_000, 17_000, 19.9)))
    assert chunks(busy) == [(0, 12_288, 12_288), (12_288, 17_000, 4_712)]
    assert resumes(busy) == [12_288]


def test_a_chunk_has_262144_records_at_most() -> None:
    full = source(0)
    full.take(records(range(270_000)))
    assert chunks(full) == [(0, 262_144, 262_144), (262_144, 270_000, 7_856)]


def test_a_chunk_is_open_until_the_next_one_begins() -> None:
    """Only the next record tells."""
    full = source(0)
    full.take(records(range(4_096)))
    assert chunks(full) == [(0, 4_096, 4_096)]
    full.take(records([4_096], at_s=10))
    assert chunks(full)[-1] == (4_096, 4_097, 1)


def test_the_brokers_clock_may_step_back() -> None:
    """As when another broker leads: that is another ten seconds as well."""
    stepped = source(0)
    stepped.take(timed((0, 4_096, 10), (4_096, 5_000, 9.9)))
    assert chunks(stepped) == [(0, 4_096, 4_096), (4_096, 5_000, 904)]


def test_before_the_first_border_each_record_is_a_chunk_of_its_own() -> None:
    """What was said of that chunk before, by whoever began earlier, may end anywhere."""
    began = source(8_189)
    began.take(timed((8_189, 8_192, 0), (8_192, 8_193, 5)) + records([12_288, 12_290], at_s=10))
    singles = [(offset, offset + 1, 1) for offset in (8_189, 8_190, 8_191, 8_192)]
    assert chunks(began) == [*singles, (12_288, 12_291, 2)]
    assert began.upto == 12_291


def test_inside_of_a_block_nobody_knows_when_it_began() -> None:
    """So its end is a border only where it must be one."""
    inside, far = source(8_191), source(262_143)
    inside.take(timed((8_191, 8_192, 0), (8_192, 8_194, 10)))
    far.take(timed((262_143, 262_144, 0), (262_144, 262_146, 0)))
    assert len(chunks(inside)) == 3
    assert chunks(far)[1:] == [(262_144, 262_146, 2)]


def test_nobody_resumes_among_single_records() -> None:
    """He would find another first border."""
    began = source(4_094)
    began.take(timed((4_094, 4_099, 0), (8_192, 8_193, 10), (12_288, 12_290, 20)))
    offsets = [4_094, 4_095, 4_096, 4_097, 4_098]
    told = chunks(began)
    assert told[:5] == [(offset, offset + 1, 1) for offset in offsets]
    assert told[5:] == [(8_192, 8_193, 1), (12_288, 12_290, 2)]
    assert resumes(began) == [None] * 4 + [8_192, 12_288]


@pytest.mark.parametrize(
    ("start", "committed", "resumable", "ranges"),
    [
        (0, False, True, 1),  # nothing was ever before it
        (4_096, True, True, 1),  # somebody knew that a chunk begins there
        (4_096, False, False, 3),  # the log may begin inside of one
        (4_097, True, True, 3),
        (4_097, False, True, 3),
    ],
)
def test_where_it_starts_tells_whether_a_chunk_begins_there(
    start: int, committed: bool, resumable: bool, ranges: int
) -> None:
    began = source(start, committed=committed)
    assert began.resumable is resumable
    began.take(records(range(start, start + 3)))
    assert len(chunks(began)) == ranges


def test_a_hole_among_single_records_goes_back_to_no_border() -> None:
    began = source(4_090)
    began.take(records([4_092, 4_094]) + records([5_000], at_s=5) + records([20_000], at_s=10))
    assert chunks(began) == [(4_092, 4_093, 1), (4_094, 4_095, 1), (5_000, 5_001, 1), (16_384, 20_001, 1)]


def test_single_records_are_published_some_at_a_time() -> None:
    began = source(262_138)
    began.take(timed((262_138, 262_144, 0), (262_144, 266_240, 10), (266_240, 266_241, 20)))
    assert [each.chunk.start for each in began.next_complete(4)] == [262_138, 262_139, 262_140, 262_141]
    for _ in range(6):
        began.complete.popleft()
    assert [each.chunk.start for each in began.next_complete(4)] == [262_144]


@given(st.lists(st.tuples(st.integers(1, 3_000), st.integers(0, 4)), max_size=8), st.integers(1, 2_500))
@settings(max_examples=20, deadline=None)
def test_batches_do_not_move_the_borders(spans: list[tuple[int, int]], batch: int) -> None:
    log: list[Record] = []
    at_s = 0
    for length, later_s in spans:
        at_s += later_s
        log += timed((100 + len(log), 100 + len(log) + length, at_s))
    once, often = source(100), source(100)
    once.take(log)
    for begin in range(0, len(log), batch):
        often.take(log[begin : begin + batch])
    assert chunks(once) == chunks(often)
    assert resumes(once) == resumes(often)


def test_holes_in_the_log_do_not_move_the_borders() -> None:
    """Transaction markers and compaction leave some; this one swallows a whole chunk."""
    holed = source(0)
    holed.take(records(range(10), range(4_000, 4_095)))
    holed.take(records(range(9_000, 9_010), at_s=10))
    assert chunks(holed) == [(0, 4_095, 105), (8_192, 9_010, 10)]
    assert resumes(holed) == [8_192]


def test_what_retention_took_is_skipped_and_what_was_read_stays() -> None:
    lost = source(0)
    lost.take(records(range(10)))
    lost.skip_to(50)
    lost.take(records(range(50, 60)))
    assert chunks(lost)[:3] == [(0, 10, 10), (50, 51, 1), (51, 52, 1)]
    assert resumes(lost) == [50] + [None] * 9


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
