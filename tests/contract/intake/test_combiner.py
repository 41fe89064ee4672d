"""What any combiner must do: a chunk is a pure function of its records, and bounded whatever they hold.

Another implementation beside the Python one is added to `COMBINERS`, and held to all of this.
"""

import copy
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from datasketches import hll_sketch
from hypothesis import given, settings
from hypothesis import strategies as st

from fault316_schemas import CodeInfo, Registry
from fault316_streams.intake.code_sum import FACET_CHARS_MAX, FACET_VALUES_MAX, OTHER_VALUE
from fault316_streams.intake.combine import (
    CODES_PER_CHUNK_MAX,
    OTHER_CODE,
    Chunk,
)
from fault316_streams.intake.combiner import Combiner
from fault316_streams.intake.reject import Reason
from fault316_streams.partial import USERS_MINUTES_MAX, Contribution, Sample

Make = Callable[[int, Registry], Combiner]
COMBINERS: dict[str, Make] = {"python": Chunk}
pytestmark = pytest.mark.parametrize("make", COMBINERS.values(), ids=COMBINERS)

REGISTRY = Registry()
AT = "2026-01-01T00:00:00Z"
AT_MS = 1_767_225_600_000
AT_S = AT_MS // 1_000


@dataclass
class Record:
    """As aiokafka's `ConsumerRecord`, as far as intake looks at it."""

    offset: int
    timestamp: int
    value: bytes | None


def log(*events: dict[str, Any] | bytes | None, start: int = 0, at_ms: int = AT_MS) -> list[Record]:
    """Events, with defaults for what is required, at offsets one after the other."""
    return [
        Record(start + i, at_ms, value(f"e{i}", event) if isinstance(event, dict) else event)
        for i, event in enumerate(events)
    ]


def value(id_: str, event: dict[str, Any]) -> bytes:
    """One event as JSON."""
    return json.dumps({"id": id_, "code": "316-A", "service": "s", "occurred_at": AT} | event).encode()


def combined(make: Make, records: Sequence[Record], registry: Registry = REGISTRY) -> dict[str, Contribution]:
    """All that the records say."""
    chunk = make(records[0].offset, registry)
    chunk.add(records)
    return chunk.snapshot()


def users(said: Contribution) -> float:
    """Estimated distinct users of the only minute."""
    (sketch,) = said.users.values()
    return float(hll_sketch.deserialize(sketch).get_estimate())


names = st.text("abc", min_size=1, max_size=2)
some_events = st.fixed_dictionaries(
    {"code": st.sampled_from(["316-A", "316-B", "316-C"])},
    optional={
        "severity": st.sampled_from(["P0", "P3"]),
        "count": st.integers(1, 9),
        "host": names,
        "endpoint": names,
        "user_id": st.integers(0, 50).map(str),
        "exception": st.fixed_dictionaries({"type": names}),
        "occurred_at": st.sampled_from(
            [
                AT,
                "2026-01-01T00:00:01.5Z",
                "2025-12-31T23:50:00Z",
                "2025-12-29T00:00:00Z",
                "1970-01-01T00:00:00Z",
            ]
        ),
    },
)
some_logs = st.lists(some_events | st.just(b"no event") | st.none(), min_size=1, max_size=60)


@given(some_logs, st.data())
@settings(deadline=None)
def test_batches_and_snapshots_do_not_change_what_is_said(
    make: Make, events: list[dict[str, Any] | bytes | None], data: st.DataObject
) -> None:
    """However the log is cut, and whenever snapshots are taken, with or without a limit."""
    records = log(*events)
    whole = combined(make, records)
    chunk = make(0, REGISTRY)
    merged: dict[str, Contribution] = {}
    rejected = 0
    while records:
        cut = data.draw(st.integers(1, len(records)))
        rejected += len(chunk.add(records[:cut]))
        records = records[cut:]
        merged |= copy.deepcopy(chunk.snapshot(data.draw(st.sampled_from([None, 0, 1, 2]))))
    merged |= chunk.snapshot()
    assert merged == whole
    assert rejected == sum(not isinstance(event, dict) for event in events)


@given(some_logs)
@settings(deadline=None)
def test_every_event_is_counted_once_in_each_sum(
    make: Make, events: list[dict[str, Any] | bytes | None]
) -> None:
    expected: Counter[str] = Counter()
    for event in events:
        if isinstance(event, dict):
            expected[event["code"]] += event.get("count", 1)
    said = combined(make, log(*events))
    assert {code: each.total for code, each in said.items()} == expected
    for each in said.values():
        assert sum(each.seconds.values()) + each.old == each.total
        assert sum(each.services.values()) == each.total
        assert each.late >= each.old


def test_a_snapshot_tells_only_what_changed(make: Make) -> None:
    chunk = make(0, REGISTRY)
    chunk.add(log({"code": "316-A"}, {"code": "316-B"}))
    assert chunk.snapshot().keys() == {"316-A", "316-B"}
    assert chunk.snapshot() == {}
    chunk.add(log({"code": "316-B"}, start=2))
    changed = chunk.snapshot()
    assert changed.keys() == {"316-B"}
    assert changed["316-B"].total == 2


def test_a_limited_snapshot_prefers_what_changed_most_and_keeps_the_rest(make: Make) -> None:
    chunk = make(0, REGISTRY)
    chunk.add(log({"code": "316-A"}, {"code": "316-B", "count": 5}, {"code": "316-C", "count": 3}))
    assert chunk.snapshot(limit=2).keys() == {"316-B", "316-C"}
    assert chunk.snapshot().keys() == {"316-A"}


def test_severity_is_the_events_own_or_the_registrys(make: Make) -> None:
    registry = Registry([CodeInfo(pattern="316-A", layer="data", severity="P3", title="A", runbook="look")])
    said = combined(make, log({"count": 2}, {"severity": "P0"}, {"severity": None}), registry)
    assert said["316-A"].severity == [1, 0, 0, 3]


def test_late_old_and_skewed_are_where_they_belong(make: Make) -> None:
    """Late in its own second, old in the total only, skewed at the broker's time."""
    chunk = make(0, REGISTRY)
    chunk.add(
        log(
            {"occurred_at": "2025-12-31T23:58:00Z", "count": 2},
            {"occurred_at": "2025-12-30T00:00:00Z", "count": 3},
            {"occurred_at": "2099-01-01T00:00:00Z", "count": 4},
        )
    )
    said = chunk.snapshot()["316-A"]
    assert said.seconds == {AT_S - 120: 2, AT_S: 4}
    assert (said.late, said.old, said.skewed, said.total) == (5, 3, 4, 9)
    assert (said.first_ms, said.last_ms) == (AT_MS - 2 * 86_400_000, AT_MS)
    assert (chunk.late, chunk.skewed) == (5, 4)


def test_the_refused_are_returned_and_the_others_counted(make: Make) -> None:
    chunk = make(0, REGISTRY)
    records = log({}, b"{", None, {}, {"count": 0})
    assert [(record.offset, why.reason) for record, why in chunk.add(records)] == [
        (1, Reason.INVALID_JSON),
        (2, Reason.NULL),
        (4, Reason.INVALID_COUNT),
    ]
    assert chunk.snapshot()["316-A"].total == 2
    assert (chunk.upto, chunk.log_ms) == (5, AT_MS)


def test_facet_values_beyond_the_limit_count_as_other(make: Make) -> None:
    hosts = [f"h{i}" for i in range(FACET_VALUES_MAX + 5)]
    said = combined(make, log(*({"host": host, "count": 2} for host in [*hosts, "h0", "h20"])))["316-A"]
    assert len(said.hosts) == FACET_VALUES_MAX + 1
    assert said.hosts["h0"] == 4
    assert said.hosts[OTHER_VALUE] == 2 * 6
    assert sum(said.hosts.values()) == said.total


def test_facet_values_are_cut_and_printable(make: Make) -> None:
    said = combined(make, log({"endpoint": "x" * 200}, {"endpoint": "x" * 256}, {"endpoint": "\x1b[2J"}))[
        "316-A"
    ]
    assert said.endpoints == {"x" * FACET_CHARS_MAX: 2, "\\x1b[2J": 1}


def test_codes_beyond_the_limit_count_as_other(make: Make) -> None:
    """The first so many keep their own sums, also when they come again."""
    codes = [f"316-ID{i}" for i in range(CODES_PER_CHUNK_MAX + 10)]
    said = combined(make, log(*({"code": code} for code in [*codes, codes[0], codes[-1]])))
    assert len(said) == CODES_PER_CHUNK_MAX + 1
    assert said["316-ID0"].total == 2
    assert said[OTHER_CODE].total == 11


def test_users_are_estimated_and_nobody_costs_nothing(make: Make) -> None:
    said = combined(
        make, log(*({"user_id": f"u{i % 1_000}", "code": "316-A"} for i in range(3_000)), {"code": "316-B"})
    )
    assert users(said["316-A"]) == pytest.approx(1_000, rel=0.1)
    assert sum(map(len, said["316-A"].users.values())) < 1_200
    assert said["316-B"].users == {}


def minute(n: float) -> str:
    """So many minutes after the first."""
    return datetime.fromtimestamp(AT_S + 60 * n, UTC).isoformat()


@given(st.lists(st.integers(0, 2 * USERS_MINUTES_MAX), min_size=1, max_size=300), st.data())
@settings(deadline=None)
def test_users_are_kept_of_the_latest_minutes(make: Make, minutes: list[int], data: st.DataObject) -> None:
    """In whatever order they come and are told of, each of these minutes is whole: a storm is rather in them."""
    records = log(
        *({"occurred_at": minute(n), "user_id": f"u{i}"} for i, n in enumerate(minutes)),
        at_ms=AT_MS + 2 * USERS_MINUTES_MAX * 60_000,
    )
    chunk = make(0, REGISTRY)
    while records:
        cut = data.draw(st.integers(1, len(records)))
        chunk.add(records[:cut])
        records = records[cut:]
        [said] = chunk.snapshot().values()
    events = Counter(minutes)
    found = {at: round(hll_sketch.deserialize(users).get_estimate()) for at, users in said.users.items()}
    assert found == {AT_S // 60 + n: events[n] for n in sorted(events)[-USERS_MINUTES_MAX:]}


def test_a_day_that_is_sent_again_does_not_name_each_of_its_seconds(make: Make) -> None:
    """A chunk would name 86,400, and a code's table entry has such a statement of each source partition."""
    at_s = range(0, 86_400, 7)
    records = log(*({"occurred_at": minute(n / 60)} for n in at_s), at_ms=AT_MS + 86_400_000)
    said = combined(make, records)["316-A"]
    assert len(said.seconds) <= (86_400 - 900) / 10 + 900 / 7 + 1
    by_minute = Counter(second // 60 for second in Counter(said.seconds).elements())
    assert by_minute == Counter((AT_S + n) // 60 for n in at_s), "each is in its own"


def test_the_newest_event_of_a_code_is_its_sample(make: Make) -> None:
    said = combined(make, log({"request_id": "r"}, {"code": "316-B"}, {}, {"request_id": "s"}))
    assert said["316-A"].samples == [Sample("e3", request_id="s")]
    assert said["316-B"].samples == [Sample("e1")]
