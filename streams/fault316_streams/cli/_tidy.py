"""Removing what a demo left: its topics and its Redis keys, by their prefix."""

import contextlib

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from fault316.redis_client import REDIS_ERRORS, aclose, async_client
from fault316_schemas import Connection


async def remove_topics_and_keys(connection: Connection) -> None:
    """Delete all topics and keys under the connection's prefixes. What cannot be reached is left there."""
    assert connection.topic_prefix.startswith("demo-"), "only a demo's own names are removed"
    with contextlib.suppress(KafkaError, OSError):
        admin = AIOKafkaAdminClient(**connection.kafka_options())
        await admin.start()
        try:
            topics = [name for name in await admin.list_topics() if name.startswith(connection.topic_prefix)]
            await admin.delete_topics(topics)
        finally:
            await admin.close()
    client = async_client(connection, retries=1)
    with contextlib.suppress(*REDIS_ERRORS, OSError):
        # Guard keys carry the guarded key's name, so the prefix is not always at the beginning.
        async for key in client.scan_iter(match=f"*{connection.redis_prefix}*", count=1_000):
            await client.delete(key)
    await aclose(client)
