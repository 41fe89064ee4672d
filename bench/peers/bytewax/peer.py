"""The job in Bytewax: parse in batches, a tumbling window per code, results when the topic ends."""

import json
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from operator import add

import bytewax.operators as op
import bytewax.operators.windowing as windows
import orjson
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main

BROKERS = [os.environ["PEER_BOOTSTRAP"]]
WINDOW_S = int(os.environ["PEER_WINDOW_S"])
LATENESS = timedelta(seconds=60)
"""As late as an event may be and count in its window, as in fault316 (docs/contracts.md, "Time")."""
EPOCH = datetime.fromtimestamp(0, UTC)

Record = KafkaSourceMessage[bytes | None, bytes | None]
Weighted = tuple[datetime, int]
read = 0


def parse(records: list[Record]) -> list[tuple[str, Weighted]]:
    """Code → when and how many, of a batch."""
    global read
    events = [orjson.loads(record.value) for record in records]
    read += len(events)
    # `replace` is what EventClock wants: aware, and in UTC. A "Z" is UTC already; an offset would be converted.
    return [
        (event["code"], (datetime.fromisoformat(event["occurred_at"]).astimezone(UTC), event.get("count", 1)))
        for event in events
    ]


def result(counted: tuple[str, tuple[int, int]]) -> KafkaSinkMessage[bytes, bytes]:
    """What is written of a window; they are numbered from the epoch."""
    code, (number, events) = counted
    value = {"code": code, "window": number * WINDOW_S, "events": events}
    return KafkaSinkMessage(code.encode(), orjson.dumps(value))


def flow() -> Dataflow:
    """From topic to topic."""
    dataflow = Dataflow("counts")
    # batch_size: the default of 1,000 "is a suitable starting point for higher throughput" (API reference, KafkaSource).
    # tail=False: the windows that are open at the topic's end close, too.
    source = KafkaSource(BROKERS, [os.environ["PEER_TOPIC"]], tail=False)
    records = op.input("events", dataflow, source)
    # A batch at a time costs less than an item at a time (API reference, flat_map_batch).
    events = op.flat_map_batch("parse", records, parse)
    counts = windows.fold_window(
        "count",
        events,
        windows.EventClock(lambda event: event[0], wait_for_system_duration=LATENESS),
        windows.TumblingWindower(align_to=EPOCH, length=timedelta(seconds=WINDOW_S)),
        builder=int,
        folder=lambda total, event: total + event[1],
        merger=add,
        ordered=False,  # "there is a performance and latency penalty to ordering" (API reference, fold_window)
    )
    results = op.map("result", counts.down, result)
    op.output("counts", results, KafkaSink(BROKERS, os.environ["PEER_OUTPUT_TOPIC"]))
    return dataflow


def tell() -> None:
    """Once a second."""
    while True:
        time.sleep(1)
        print(json.dumps({"read": read}), flush=True)


threading.Thread(target=tell, daemon=True).start()
cli_main(flow())  # returns when all is written
print(json.dumps({"read": read, "done": True}), flush=True)
