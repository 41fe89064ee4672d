"""Says in each event when it was sent, so that workers tell one that waited from one whose clock is wrong.

A record is made long before it is sent, and sent again after a crash, from a file. So it is made with a mark at its end,
which is valid JSON by itself, and the time is put in its place whenever it is handed to Kafka.
"""

from datetime import UTC, datetime, timedelta

from fault316_schemas import FaultEvent

MARK = b',"sent_at":null}'
OWN_CLOCK = timedelta(seconds=60)
"""An event that occurred further from now than this, when it is reported, may have its time from another clock: from a log
line, say. What it waited can then not be told, and by a wrong figure a storm would not be seen."""


def to_record(event: FaultEvent) -> bytes:
    """The event as JSON, with the mark where its time is by this process's clock."""
    record = event.to_json()
    if event.sent_at is None and abs(datetime.now(UTC) - event.occurred_at) <= OWN_CLOCK:
        return record[:-1] + MARK
    return record


def stamped(record: bytes, now: datetime) -> bytes:
    """The record as it is to be sent now."""
    if not record.endswith(MARK):
        return record
    return b'%b,"sent_at":"%b"}' % (record[: -len(MARK)], now.isoformat().encode())
