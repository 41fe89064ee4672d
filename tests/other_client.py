"""Another team's program: confluent-kafka, redis commands and plain JSON, nothing of ours. Imported as `other_client`."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import redis
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from fault316_streams.settings import WorkerSettings

ACK_LIMIT_S: Final = 150.0
"""A broker that is killed, stays away for a minute and is started again answers within this."""


def fault(code: str, *, at_s: float | None = None, **fields: object) -> bytes:
    """A fault event as any program would write it; `at_s`: epoch s, default now."""
    at = datetime.now(UTC) if at_s is None else datetime.fromtimestamp(at_s, UTC)
    return orjson.dumps({"id": "e", "code": code, "service": "shop", "occurred_at": at} | fields)


class OtherProducer:
    """Writes raw values to a topic, by default the events': no key, no headers. Idempotent: what it says it wrote is so."""

    def __init__(self, settings: WorkerSettings, topic: str | None = None) -> None:
        self._topic = topic or settings.topics.events
        self._producer = Producer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.max.bytes": 4_000_000,
                "message.timeout.ms": int(ACK_LIMIT_S * 1_000),
                "log_level": 0,
            }
        )
        self._failed: list[KafkaError] = []

    def send(self, value: bytes | None, partition: int = -1, **more: Any) -> None:
        """Hand one over; waits where the queue is full."""
        while True:
            try:
                self._producer.produce(
                    self._topic, value, partition=partition, on_delivery=self._delivered, **more
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def flush(self) -> None:
        """Return once all is acknowledged."""
        assert self._producer.flush(ACK_LIMIT_S) == 0
        assert not self._failed, self._failed[0]

    def send_all(self, values: Iterable[bytes | None], partition: int = -1) -> None:
        """All of them, acknowledged."""
        for value in values:
            self.send(value, partition)
        self.flush()

    def partitions(self) -> int:
        """Of the topic, as the broker says now; from then on the producer may write to them."""
        return len(self._producer.list_topics(self._topic, timeout=10).topics[self._topic].partitions)

    def _delivered(self, error: KafkaError | None, _message: object) -> None:
        if error is not None:
            self._failed.append(error)


class OtherConsumer:
    """Reads a topic's first partition from its beginning, again and again."""

    def __init__(self, settings: WorkerSettings, topic: str) -> None:
        self.records: list[Any] = []
        """All `confluent_kafka.Message` so far."""
        self._partition = TopicPartition(topic, 0, 0)
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "group.id": "unused",
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )
        self._consumer.assign([self._partition])

    def read(self, wait_s: float = 0.1) -> list[Any]:
        """What is there by now, with what was there before."""
        while batch := self._consumer.consume(1_000, timeout=wait_s):
            self.records += [record for record in batch if record.error() is None]
        return self.records

    def read_all(self) -> None:
        """Up to the last record that is there when this is called, of a topic whose records are never deleted."""
        _, end = self._consumer.get_watermark_offsets(self._partition, timeout=30)
        while len(self.records) < end:
            self.read()

    def alerts(self, code: str | None = None) -> list[dict[str, Any]]:
        """The records' values as JSON; only those of one code."""
        parsed = (json.loads(record.value()) for record in self.read())
        return [alert for alert in parsed if code in (None, alert["code"])]

    def close(self) -> None:
        """Let go."""
        self._consumer.close()


class OtherView:
    """The documented keys by plain commands. Key names are written out here, as a program in another language would."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.prefix = settings.redis_prefix
        self.redis: Any = redis.from_url(**settings.redis_options())

    def counter(self, code: str) -> dict[str, str]:
        """HGETALL of a code's counter."""
        found: dict[str, str] = self.redis.hgetall(f"{self.prefix}counter:{{{code}}}")
        return found

    def rate(self, code: str) -> dict[str, str]:
        """HGETALL of a code's rates."""
        found: dict[str, str] = self.redis.hgetall(f"{self.prefix}rate:{{{code}}}")
        return found

    def totals(self) -> Counter[str]:
        """Code → total."""
        codes: list[str] = self.redis.zrange(f"{self.prefix}codes", 0, -1)
        return Counter({code: int(self.counter(code)["total"]) for code in codes})

    def series(self, code: str) -> Counter[int]:
        """Epoch minute → events, of all hours there are."""
        minutes: Counter[int] = Counter()
        for key in self.redis.scan_iter(f"{self.prefix}series:{{{code}}}:*"):
            hour = datetime.strptime(key.rpartition(":")[2] + "+0000", "%Y%m%d%H%z").timestamp()
            for minute, events in self.redis.hgetall(key).items():
                minutes[int(hour) // 60 + int(minute)] += int(events)
        return minutes

    def alerts(self) -> list[dict[str, Any]]:
        """The alert stream's, oldest first."""
        return [json.loads(fields["alert"]) for _, fields in self.redis.xrange(f"{self.prefix}alerts")]

    def all_keys(self) -> list[str]:
        """Every key that has to do with the prefix, guards too."""
        return sorted(self.redis.scan_iter(f"*{self.prefix}*"))

    def close(self) -> None:
        """Let go."""
        self.redis.close()
