"""The job in stock Faust: regroup by code, a windowed table; the changed windows are written once a second.

The extensions in C (`faust._cython`) are in its wheel, and orjson is what it takes for JSON where it is installed.
"""

import os
import sys
from datetime import datetime

import faust
import orjson

EVENTS = int(os.environ["PEER_EVENTS"])
PARTITIONS = int(os.environ["PEER_PARTITIONS"])
WINDOW_S = int(os.environ["PEER_WINDOW_S"])
STEPS = 6
"""Of a hopping window."""

app = faust.App(
    os.environ["PEER_GROUP"],
    broker=f"kafka://{os.environ['PEER_BOOTSTRAP']}",
    # "memory://" is the default and the faster one; RocksDB is for tables that do not fit (docs, "Tables", stores).
    store="memory://",
    topic_partitions=PARTITIONS,
    topic_replication_factor=1,
    consumer_auto_offset_reset="earliest",
    # "Higher numbers gives better throughput", but care is advised where tables are updated: four times the default
    # (docs, "Configuration Reference").
    stream_buffer_maxsize=16_384,
    # Two of three messages are sent by itself, to the repartition topic and the changelog: more of them at a time.
    producer_max_batch_size=512 * 1024,
)


class Event(faust.Record, serializer="json"):
    """Only what is counted; it goes through the repartition topic."""

    code: str
    occurred_at: str
    count: int = 1


def say(read: int, done: bool = False) -> None:
    """To the runner; Faust makes a logger of `sys.stdout`."""
    print(orjson.dumps({"read": read, "done": done}).decode(), file=sys.__stdout__, flush=True)


def occurred_at(event: faust.Event) -> float:
    """When, by the event itself; quicker than Faust's own parser."""
    return datetime.fromisoformat(event.value.occurred_at).timestamp()


events = app.topic(os.environ["PEER_TOPIC"], value_type=Event)
results = app.topic(os.environ["PEER_OUTPUT_TOPIC"], value_serializer="raw")
table = app.Table("counts", default=int, partitions=PARTITIONS)
if os.environ["FAUST_WINDOW"] == "hopping":
    counts = table.hopping(STEPS * WINDOW_S, WINDOW_S, expires=3_600).relative_to(occurred_at)
else:
    counts = table.tumbling(WINDOW_S, expires=3_600).relative_to(occurred_at)

begun = False
counted = 0
written: dict[tuple[str, tuple[float, float]], int] = {}
"""(code, window) → events, as they were last written."""


def by_code(event: Event) -> str:
    """The key of the repartition topic."""
    global begun
    if not begun:
        begun = True
        say(1)  # the work begins here, long before the first event comes out of the repartition topic
    return event.code


@app.agent(events)
async def count(stream: faust.Stream[Event]) -> None:
    """A table's stream has to be partitioned by the table's key (docs, "Tables", co-partitioning)."""
    global counted
    async for event in stream.group_by(by_code, name="code", partitions=PARTITIONS):
        counts[event.code] += event.count
        counted += 1


@app.timer(1.0)
async def tell() -> None:
    """Write what has changed, say how far it is."""
    read = counted
    changed = {key: total for key, total in table.data.items() if written.get(key) != total}
    sent = [
        await results.send(
            key=code, value=orjson.dumps({"code": code, "window": int(start), "events": total})
        )
        for (code, (start, _end)), total in changed.items()
    ]
    for each in sent:
        await each
    written.update(changed)
    say(read, read == EVENTS)
