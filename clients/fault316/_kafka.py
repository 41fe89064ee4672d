"""Reaching Kafka: with a limit on the wait and an error that says what to do. The one place that knows
where aiokafka must be helped."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError

from fault316.errors import KafkaUnavailable
from fault316_schemas import Connection
from fault316_schemas.refusal import Refusal, why_refused

logger = logging.getLogger("fault316")

BACKOFF_MIN_S = 0.1
BACKOFF_MAX_S = 5.0
ABANDON_S = 2.0
"""How long a producer that is given up may take to come down before its tasks are cancelled."""


class _Client(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


C = TypeVar("C", bound=_Client)


async def connect(connection: Connection, topic: str, make: Callable[[], C], timeout_s: float) -> C:
    """Start the client that `make` builds, trying again until `timeout_s` has passed.

    Raises:
        KafkaUnavailable: no answer in that time, or there is no such topic.
    """
    advice = "check FAULT316_BOOTSTRAP_SERVERS, or start a local one with `fault316 up`"
    why = Refusal("no answer", advice)
    try:
        async with asyncio.timeout(timeout_s):
            backoff_s = BACKOFF_MIN_S
            while True:
                try:
                    await _require_topic(connection, topic)
                    return await _started(make())
                except (KafkaError, OSError) as error:
                    if isinstance(error, KafkaConnectionError):  # its own text is a list of addresses
                        refusal = await why_refused(connection, create_conn)
                        why = refusal or Refusal("no connection", advice)
                    else:
                        why = Refusal(str(error) or type(error).__name__, advice)
                await asyncio.sleep(backoff_s)
                backoff_s = min(2 * backoff_s, BACKOFF_MAX_S)
    except TimeoutError:
        raise KafkaUnavailable(
            f"Kafka at {connection.bootstrap_servers} could not be reached within {timeout_s:g} s "
            f"({why.problem}): {why.advice}"
        ) from None


async def _require_topic(connection: Connection, topic: str) -> None:
    """Ask for all topics: asking for one by name could create it, with the broker's partition count."""
    client = AIOKafkaClient(**connection.kafka_options())
    try:
        await client.bootstrap()
        topics = (await client.fetch_all_metadata()).topics()
    finally:
        await client.close()
    if topic not in topics:
        raise KafkaUnavailable(
            f"Kafka at {connection.bootstrap_servers} has no topic {topic!r} (or does not show it to this user): "
            "create it with `fault316 topics`, or check FAULT316_TOPIC_PREFIX"
        )


async def _started(client: C) -> C:
    try:
        await client.start()
    except BaseException:
        await client.stop()
        raise
    return client


async def abandon(producer: AIOKafkaProducer) -> None:
    """Stop a producer without waiting for what it has not delivered: those futures are cancelled.

    An idempotent aiokafka producer tries for ever, and its `stop` waits for that. So its sender is ended
    first, then its batches are cancelled; only then can `stop` return.
    """
    await within(ABANDON_S, producer._sender.close)
    accumulator = producer._message_accumulator
    # Its callbacks look for batches among the pending ones, even for those that were queued again for a retry.
    accumulator._pending_batches.update(*accumulator._batches.values())
    for batch in list(accumulator._pending_batches):
        batch.future.cancel()
    await within(ABANDON_S, producer.stop)


async def within(limit_s: float, close: Callable[[], Awaitable[None]]) -> None:
    """Let go of something at Kafka: for at most `limit_s`, and whatever Kafka says to it."""
    try:
        async with asyncio.timeout(limit_s):
            await close()
    except (KafkaError, OSError, TimeoutError) as error:
        logger.debug("while letting go of Kafka: %r", error)
