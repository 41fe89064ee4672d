"""The alert topic: where a storm's transitions are published for good."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Final, Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from fault316_schemas import Connection, StormAlert
from fault316_streams.health import Status
from fault316_streams.sinks.backoff import backoff_s

SCHEMA: Final = "StormAlert/v1"
SLOW_S: Final = 2.0
"""An acknowledgement that takes longer than this is worth showing; it usually takes milliseconds."""
CLOSE_LIMIT_S: Final = 3.0
"""How long closing waits for what the broker has not acknowledged; a clean stop has 10 s in all."""

NO_ANSWER: Final = "no acknowledgement yet"

log = structlog.get_logger("fault316.alerts")


class AlertSink(Protocol):
    """Publishes alerts. One contract suite runs over every implementation."""

    async def send(self, alerts: Sequence[StormAlert]) -> None:
        """Publish, a storm's alerts in the order given. Returns once every one of them is safe.

        What was not acknowledged is sent again until it is, or until this is cancelled. So an alert may be
        published twice, under the same id.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def rounds(alerts: Sequence[StormAlert]) -> Iterator[list[StormAlert]]:
    """Alerts that may be in flight together: a storm's next one waits until its last one is acknowledged."""
    by_storm: dict[str, list[StormAlert]] = {}
    for alert in alerts:
        by_storm.setdefault(alert.storm_id, []).append(alert)
    for together in zip_longest(*by_storm.values()):
        yield [alert for alert in together if alert is not None]


def headers(alert: StormAlert) -> list[tuple[str, bytes]]:
    """So that a consumer can route without parsing the value."""
    return [
        ("schema", SCHEMA.encode()),
        ("transition", alert.transition.encode()),
        ("code", alert.code.encode()),
        ("severity", alert.severity.encode()),
    ]


class AlertTopic:
    """An `AlertSink` on Kafka: acks=all, idempotent. A `Component`: ready unless an alert is waiting."""

    name = "alerts"

    def __init__(self, connection: Connection, clock: Callable[[], float] = time.time) -> None:
        """It connects with the first alert."""
        self._connection = connection
        self._topic = connection.topics.alerts
        self._clock = clock
        self._producer: AIOKafkaProducer | None = None
        self._waiting_since_s: float | None = None
        self._reason = NO_ANSWER

    def status(self) -> Status:
        """See `Component`."""
        since_s = self._waiting_since_s
        if since_s is None or self._clock() - since_s < SLOW_S:
            return Status(True, "ok")
        return Status(False, f"waiting: {self._reason}", since_s)

    async def send(self, alerts: Sequence[StormAlert]) -> None:
        """See `AlertSink`.

        Raises:
            aiokafka.errors.MessageSizeTooLargeError: an alert is larger than the topic takes. Alerts are
                bounded, so the topic's `max.message.bytes` is too small.
        """
        for together in rounds(alerts):
            self._waiting_since_s, self._reason = self._clock(), NO_ANSWER
            try:
                await self._send_until_acknowledged(together)
            finally:
                self._waiting_since_s = None

    async def close(self) -> None:
        """See `AlertSink`. What is not acknowledged after 3 s is given up; its alert is still pending."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await producer.stop()
        except TimeoutError:
            log.warning("closed without acknowledgement", topic=self._topic)

    async def _send_until_acknowledged(self, alerts: list[StormAlert]) -> None:
        failures = 0
        while True:
            try:
                return await self._send_once(alerts)
            except MessageSizeTooLargeError:
                raise
            except KafkaError as error:
                failures += 1
                self._reason = f"{type(error).__name__}: {error}"
                log.warning("waiting for kafka", topic=self._topic, reason=self._reason, alerts=len(alerts))
                # A new producer, whatever it was: an idempotent one does not survive every error.
                await self.close()
                await asyncio.sleep(backoff_s(failures))

    async def _send_once(self, alerts: list[StormAlert]) -> None:
        producer = self._producer = self._producer or await self._start()
        acknowledged = [
            await producer.send(
                self._topic, alert.to_json(), key=alert.storm_id.encode(), headers=headers(alert)
            )
            for alert in alerts
        ]
        await asyncio.gather(*acknowledged)

    async def _start(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **self._connection.kafka_options())
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer
