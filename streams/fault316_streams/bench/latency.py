"""How long it takes from an event to its alert on the topic, and to its counter in Redis, while others flow.

A few times a second, at moments that do not depend on the answers, a code that nobody has seen storms by one event:
it stands for as many faults as a storm needs. Two threads wait for what comes of it.
"""

import asyncio
import json
import multiprocessing
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition
from hdrh.histogram import HdrHistogram

from fault316.redis_client import sync_client
from fault316_streams.bench.fill import keep_rate
from fault316_streams.bench.lab import Lab
from fault316_streams.bench.load import Load
from fault316_streams.errors import Failure
from fault316_streams.settings import WorkerSettings
from fault316_streams.topics import ensure_topics

PROBE: Final = "316-PROBE-{:05d}"
PROBE_WEIGHT: Final = 100
"""Faults that one probe stands for; 20 in 10 s are a storm."""
PROBES_PER_S: Final = 5.0
WARM_UP_S: Final = 5.0
LOOK_S: Final = 0.002
"""How often Redis is asked for the probe's counter: the figure is exact to this."""
LOST_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds."""

    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, histogram: HdrHistogram) -> "Spread":
        """Of microseconds."""
        at = histogram.get_value_at_percentile
        return cls(*(round(at(p) / 1_000, 1) for p in (50, 95, 99, 100)))


@dataclass(frozen=True, slots=True)
class Latency:
    """At one rate."""

    per_s: int
    """Events beside the probes."""
    probes: int
    to_alert_ms: Spread
    to_counter_ms: Spread


class Probes:
    """Sends probes, and notes when each was seen, monotonic seconds by number."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.sent: dict[int, float] = {}
        self.alerted: dict[int, float] = {}
        self.counted: dict[int, float] = {}
        self._settings = settings
        self._done = threading.Event()
        self._producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "linger.ms": 0})
        self._threads = [
            threading.Thread(target=run, daemon=True) for run in (self._watch_alerts, self._watch_counters)
        ]

    def run(self, for_s: float, say: Callable[[str], None]) -> None:
        """Send for so long, then wait for the last ones.

        Raises:
            Failure: a probe was not seen.
        """
        for thread in self._threads:
            thread.start()
        began = time.monotonic()
        for number in range(round(for_s * PROBES_PER_S)):
            time.sleep(max(0.0, began + number / PROBES_PER_S - time.monotonic()))
            say(f"probe {number + 1} of {round(for_s * PROBES_PER_S)}")
            self._send(number)
        self._producer.flush()
        deadline = time.monotonic() + LOST_S
        while len(self.alerted) < len(self.sent) or len(self.counted) < len(self.sent):
            if time.monotonic() > deadline:
                raise Failure(
                    f"{len(self.sent)} probes, {len(self.alerted)} alerts, {len(self.counted)} counters"
                )
            time.sleep(0.05)
        self._done.set()
        for thread in self._threads:
            thread.join()

    def spread(self, seen: dict[int, float]) -> Spread:
        """From each probe's sending."""
        histogram = HdrHistogram(1, 60_000_000, 3)
        for number, at_s in seen.items():
            histogram.record_value(max(1, round((at_s - self.sent[number]) * 1e6)))
        return Spread.of(histogram)

    def _send(self, number: int) -> None:
        event: dict[str, Any] = {
            "id": f"probe-{number}",
            "code": PROBE.format(number),
            "service": "bench",
            "severity": "P1",
            "count": PROBE_WEIGHT,
            "occurred_at": datetime.now(UTC),
        }
        partition = number % self._settings.events_partitions
        self.sent[number] = time.monotonic()
        self._producer.produce(self._settings.topics.events, orjson.dumps(event), partition=partition)
        self._producer.poll(0)

    def _watch_alerts(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._settings.bootstrap_servers,
                "group.id": "bench",
                "fetch.wait.max.ms": 500,
            }
        )
        consumer.assign([TopicPartition(self._settings.topics.alerts, 0, 0)])
        while not self._done.is_set():
            message = consumer.poll(0.1)
            if message is not None and message.error() is None:
                alert = json.loads(message.value() or b"{}")
                if alert["code"].startswith("316-PROBE-") and alert["transition"] == "opened":
                    self.alerted.setdefault(int(alert["code"].rpartition("-")[2]), time.monotonic())
        consumer.close()

    def _watch_counters(self) -> None:
        view = sync_client(self._settings, retries=1)
        while not self._done.wait(LOOK_S):
            for number in [number for number in list(self.sent) if number not in self.counted]:
                key = f"{self._settings.redis_prefix}counter:{{{PROBE.format(number)}}}"
                if view.hexists(key, "total"):
                    self.counted[number] = time.monotonic()
        view.close()


def measure(lab: Lab, per_s: int, for_s: float, load: Load, say: Callable[[str], None]) -> Latency:
    """One rate, on topics and a worker of its own.

    Raises:
        Failure: the worker does not start, or a probe was not seen.
    """
    settings = lab.settings()
    asyncio.run(ensure_topics(settings))
    with lab.worker(settings) as worker:
        worker.wait_ready()
        context = multiprocessing.get_context("spawn")
        arguments = (lab.environment(settings), load, per_s, WARM_UP_S + for_s + 1)
        rate = context.Process(target=keep_rate, args=arguments, daemon=True)
        rate.start()
        say("warming up")
        time.sleep(WARM_UP_S)
        probes = Probes(settings)
        probes.run(for_s, say)
        rate.join()
        if rate.exitcode != 0:
            raise Failure(f"the load of {per_s:,} events/s could not be kept up")
    return Latency(per_s, len(probes.sent), probes.spread(probes.alerted), probes.spread(probes.counted))
