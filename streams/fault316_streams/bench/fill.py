"""Writes events to the events topic: as fast as it goes, or at a rate."""

import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from fault316_streams.bench.load import Load, stamp_of
from fault316_streams.settings import WorkerSettings

BATCH: Final = 500
"""Events that go to one partition before the next one's turn, as a client's sticky partitioner does."""
TURN_S: Final = 0.01
"""How often a rate is kept up with."""


class Filler:
    """One producer with librdkafka's defaults, but for larger batches."""

    def __init__(self, settings: WorkerSettings, load: Load, compression: str = "none") -> None:
        """`compression`: none, gzip, snappy, lz4 or zstd."""
        self.produced: Counter[str] = Counter()
        self._load = load
        self._topic, self._partitions = settings.topics.events, settings.events_partitions
        self._producer = Producer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "compression.type": compression,
                "linger.ms": 20,
                "batch.size": 512 * 1024,
                "queue.buffering.max.messages": 200_000,
            }
        )
        self._failed: list[KafkaError] = []

    def fill(self, events: int, progress: Callable[[int], None]) -> None:
        """All at once; `progress` hears how many, now and then.

        Raises:
            KafkaException: Kafka did not take one.
        """
        stamp = b""
        for event in self._load.events(events):
            if event.number % BATCH == 0:
                stamp = stamp_of(time.time())
                self._producer.poll(0)
                progress(event.number)
            self._send(event.at(stamp), event.number // BATCH)
            self.produced[event.code] += 1
        self._flush()

    def keep(self, per_s: float, for_s: float) -> None:
        """At a rate, in small turns; behind schedule it hurries."""
        events = self._load.events(round(per_s * for_s))
        began = time.monotonic()
        while True:
            due = round(min(for_s, time.monotonic() - began) * per_s)
            stamp = stamp_of(time.time())
            while missing := due - self.produced.total():
                for _ in range(min(missing, BATCH)):
                    event = next(events)
                    self._send(event.at(stamp), event.number // 50)
                    self.produced[event.code] += 1
            self._producer.poll(0)
            if time.monotonic() - began >= for_s:
                break
            time.sleep(TURN_S)
        self._flush()

    def _send(self, value: bytes, turn: int) -> None:
        while True:
            try:
                self._producer.produce(
                    self._topic, value, partition=turn % self._partitions, on_delivery=self._delivered
                )
            except BufferError:
                self._producer.poll(0.05)
            else:
                return

    def _flush(self) -> None:
        self._producer.flush(60)
        if self._failed:
            raise KafkaException(self._failed[0])

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed.append(error)


def keep_rate(environment: dict[str, str], load: Load, per_s: float, for_s: float) -> None:
    """`Filler.keep` in a process of its own, so that it does not share an interpreter with who measures."""
    os.environ |= environment
    Filler(WorkerSettings(_env_file=None), load).keep(per_s, for_s)
