"""Roll-up: fewer events, the same counts by the second."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fault316._record import Record
from fault316._rollup import KINDS_MAX, RollUp
from fault316_schemas.event import COUNT_MAX


def fault(at_s: float = 100.0, count: int = 1, code: str = "316-A", **details: Any) -> Record:
    return Record(code, details, count, at_s, None)


def through(rolled: RollUp, records: list[Record]) -> list[Record]:
    """All that comes out, at once and in the end."""
    return [out for record in records if (out := rolled.add(record)) is not None] + list(rolled.all())


def test_the_first_of_a_second_pass_and_the_rest_is_one() -> None:
    out = through(RollUp(3), [fault() for _ in range(10)])
    assert [record.count for record in out] == [1, 1, 1, 7]


def test_none_rolls_up_nothing() -> None:
    assert len(through(RollUp(None), [fault() for _ in range(10)])) == 10


@pytest.mark.parametrize(
    "other",
    [{"code": "316-B"}, {"severity": "P0"}, {"endpoint": "/b"}, {"component": "c"}, {"layer": "data"}],
)
def test_what_is_counted_apart_stays_apart(other: dict[str, Any]) -> None:
    out = through(RollUp(0), [fault(), fault(), fault(**other)])
    assert sorted(record.count for record in out) == [1, 2]


def test_only_what_is_over_is_given_out() -> None:
    rolled = RollUp(0)
    for at_s in (100.1, 100.9, 101.1):
        rolled.add(fault(at_s))
    assert list(rolled.over(100.95)) == []
    assert [record.count for record in rolled.over(101.2)] == [2]
    assert [record.count for record in rolled.over(102.2)] == [1]
    assert not rolled


def test_a_time_of_its_own_counts_not_the_time_of_the_report() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    out = through(RollUp(0), [fault(1.0, occurred_at=at), fault(2.0, occurred_at=at), fault(2.0)])
    assert sorted(record.count for record in out) == [1, 2]


def test_a_fault_ahead_of_the_clock_is_not_held_until_then() -> None:
    rolled = RollUp(0)
    rolled.add(fault(1_000_000.0))
    assert [record.count for record in rolled.over(100.0)] == [1]


def test_a_count_stays_within_the_contract() -> None:
    out = through(RollUp(0), [fault(count=COUNT_MAX), fault(count=COUNT_MAX), fault(count=5)])
    assert [record.count for record in out] == [COUNT_MAX, COUNT_MAX, 5]


def test_kinds_are_bounded_and_none_is_lost() -> None:
    out = through(RollUp(0), [fault(endpoint=str(number)) for number in range(KINDS_MAX + 10)])
    assert len(out) == KINDS_MAX + 10


@given(
    st.lists(
        st.builds(
            fault,
            st.floats(100, 105),
            st.integers(1, 1_000),
            st.sampled_from(["316-A", "316-B"]),
            endpoint=st.sampled_from([None, "/a"]),
        )
    ),
    st.integers(0, 3),
    st.floats(100, 106),
)
def test_counts_by_second_and_kind_are_exact(records: list[Record], free: int, look_s: float) -> None:
    def sums(of: list[Record]) -> Counter[Any]:
        found: Counter[Any] = Counter()
        for record in of:
            found[int(record.at_s), record.code, record.details["endpoint"]] += record.count
        return found

    expected = sums([replace(record) for record in records])
    rolled, half = RollUp(free), len(records) // 2
    out = [one for record in records[:half] if (one := rolled.add(record)) is not None]
    out += list(rolled.over(look_s))
    out += through(rolled, records[half:])
    assert sums(out) == expected
