"""The job in Quix Streams: regroup by code, a tumbling window; the changed windows are written once a second.

`final()` would leave out the windows that are open when the events end, and `current()` alone would write a record
for each event. So the results of `current()` are kept, and the last one of each window is written.
"""

import os
import threading
import time
from datetime import datetime
from typing import Any

import orjson
import quixstreams.dataframe.windows.aggregations as aggregations
from confluent_kafka import Producer
from quixstreams import Application
from quixstreams.models import TimestampType

EVENTS = int(os.environ["PEER_EVENTS"])
WINDOW_MS = 1_000 * int(os.environ["PEER_WINDOW_S"])
changed: dict[tuple[str, int], int] = {}
"""(code, window in ms) → events, since it was last written."""
LATENESS_MS = 60_000
"""As late as an event may be and count in its window, as in fault316 (docs/contracts.md, "Time")."""

begun = False
counted = late = 0


def say(read: int, done: bool = False) -> None:
    """To the runner."""
    print(orjson.dumps({"read": read, "done": done}).decode(), flush=True)


def occurred_ms(event: dict[str, Any], _headers: object, _timestamp: float, _type: TimestampType) -> int:
    """When, by the event itself."""
    return round(datetime.fromisoformat(event["occurred_at"]).timestamp() * 1_000)


def needed(event: dict[str, Any]) -> dict[str, Any]:
    """What the windows need of an event."""
    global begun
    if not begun:
        begun = True
        say(1)  # the work begins here, long before the first event comes out of the repartition topic
    return {"code": event["code"], "count": event.get("count", 1)}


def keep(result: dict[str, int], code: str, _timestamp: int, _headers: object) -> None:
    """Of a window that one more event has come to."""
    global counted
    changed[code, result["start"]] = result["value"]
    counted += 1


def drop(*_: object) -> bool:
    """Of an event that comes when its window has closed; False: not in the log."""
    global late
    late += 1
    return False


def application() -> Application:
    """With the job in it, not running yet."""
    app = Application(
        broker_address=os.environ["PEER_BOOTSTRAP"],
        consumer_group=os.environ["PEER_GROUP"],
        auto_offset_reset="earliest",
        state_dir=os.environ["PEER_STATE_DIR"],
        loglevel="WARNING",
        # librdkafka's guide on throughput ("High throughput", INTRODUCTION.md): let larger batches gather.
        producer_extra_config={"linger.ms": 50, "batch.size": 512 * 1024},
    )
    events = app.topic(os.environ["PEER_TOPIC"], timestamp_extractor=occurred_ms)
    frame = app.dataframe(events)
    # The repartition topic gets each value as it is here (docs, "GroupBy"), so only what is needed.
    frame = frame.apply(needed)
    frame = frame.group_by("code", key_serializer="str", key_deserializer="str")
    frame = frame.tumbling_window(WINDOW_MS, grace_ms=LATENESS_MS, on_late=drop)
    frame = frame.agg(value=aggregations.Sum("count")).current()
    frame.update(keep, metadata=True)
    return app


def tell() -> None:
    """Once a second: write what has changed, say how far it is."""
    producer = Producer({"bootstrap.servers": os.environ["PEER_BOOTSTRAP"]})
    done = False
    while not done:
        time.sleep(1)
        read = counted + late  # before the results are taken: those of so many events are in them
        for code, window_ms in list(changed):
            value = {"code": code, "window": window_ms // 1_000, "events": changed.pop((code, window_ms))}
            producer.produce(os.environ["PEER_OUTPUT_TOPIC"], orjson.dumps(value), code)
        producer.flush()
        done = read == EVENTS
        say(read, done)


app = application()
threading.Thread(target=tell, daemon=True).start()
app.run()
