"""Whatever a reporter compresses with, every event arrives, and the wire carries what was promised."""

import json
from typing import Any, get_args

import pytest
from confluent_kafka import Consumer, TopicPartition

from fault316 import BackgroundReporter
from fault316._compression import Compression
from fault316_streams.settings import WorkerSettings
from support import until

EVENTS = 2_000


class Reader:
    """Another team's client, which knows how many bytes it was sent."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.values: list[bytes] = []
        self._received = 0
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "group.id": "unused",
                "statistics.interval.ms": 100,
                "stats_cb": self._note,
                "log_level": 0,
            }
        )
        topic = settings.topics.events
        self._consumer.assign(
            [TopicPartition(topic, number, 0) for number in range(settings.events_partitions)]
        )

    def read(self) -> int:
        """What comes in a tenth of a second; returns how many there are by now."""
        batch = self._consumer.consume(500, timeout=0.1)
        self.values += [one.value() or b"" for one in batch if one.error() is None]
        return len(self.values)

    def received_bytes(self) -> int:
        """From the wire by now: the records, and some answers about the topic."""
        self._received = 0
        return until(lambda: self.read() and self._received)  # the figure comes to whoever reads

    def close(self) -> None:
        """Let go."""
        self._consumer.close()

    def _note(self, stats: str) -> None:
        self._received = sum(broker["rxbytes"] for broker in json.loads(stats)["brokers"].values())


@pytest.mark.parametrize("compression", [None, *get_args(Compression)])
def test_every_event_arrives_in_as_few_bytes_as_were_promised(
    topics: WorkerSettings, compression: Compression | None
) -> None:
    with BackgroundReporter(
        "shop", connection=topics, free_per_s=None, resources=False, compression=compression
    ) as reporter:
        for number in range(EVENTS):
            reporter.report("316-OP-FAIL", user_id=number, message="payment provider answered 503" * 9)
        assert reporter.flush(60)
        assert (reporter.sent, reporter.dropped) == (EVENTS, 0)
    reader = Reader(topics)
    try:
        until(lambda: reader.read() == EVENTS)
        events: list[dict[str, Any]] = [json.loads(value) for value in reader.values]
        assert sorted(int(event["user_id"]) for event in events) == list(range(EVENTS))
        written = sum(map(len, reader.values))
        if compression is None:
            assert reader.received_bytes() > written
        else:
            assert reader.received_bytes() < written / 2
    finally:
        reader.close()
