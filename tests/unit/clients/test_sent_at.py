"""When an event was sent is said when it is sent, and only where that tells how long it waited."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from fault316._build import Identity, build
from fault316._sent_at import stamped, to_record
from fault316_schemas import FaultEvent

LATER = datetime(2030, 1, 1, tzinfo=UTC)


def event(ago_s: float) -> FaultEvent:
    at = datetime.now(UTC) - timedelta(seconds=ago_s)
    return build(Identity("shop", "web-1"), "316-A", {"occurred_at": at, "message": 'x,"sent_at":null}'})


def test_the_record_is_stamped_each_time_it_is_sent() -> None:
    """It waits in memory or in a file meanwhile, as valid JSON."""
    record = to_record(event(0))
    waiting = FaultEvent.from_json(record)
    for now in (LATER, LATER + timedelta(hours=1, microseconds=316)):
        assert FaultEvent.from_json(stamped(record, now)) == waiting.model_copy(update={"sent_at": now})


@pytest.mark.parametrize("ago_s", [3_600, -3_600, 28_800])
def test_a_time_of_another_clock_is_not_compared_with_ours(ago_s: float) -> None:
    """From a log line, say: eight hours are a wrong zone rather than a delay, and no storm would be seen."""
    record = to_record(event(ago_s))
    assert stamped(record, LATER) == record
    assert "sent_at" not in json.loads(record)


def test_what_says_itself_when_it_was_sent_goes_as_it_is() -> None:
    record = event(0).model_copy(update={"sent_at": LATER}).to_json()
    assert stamped(record, LATER + timedelta(hours=1)) == record
