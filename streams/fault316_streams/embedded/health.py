"""Whether Kafka and Redis answer: a real metadata request and a real PING."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError

from fault316.redis_client import REDIS_ERRORS, close, ping, sync_client
from fault316_schemas import Connection
from fault316_schemas.refusal import why_refused

TIMEOUT_S: Final = 5.0


def kafka_error(connection: Connection) -> str | None:
    """None if a broker answers a metadata request, else what is wrong, in one line."""
    try:
        # In a thread, so that callers may be inside an event loop of their own or not.
        with ThreadPoolExecutor(max_workers=1) as pool:
            return pool.submit(asyncio.run, _ask_kafka(connection)).result()
    except (KafkaError, OSError, TimeoutError) as error:
        return _line(error)


async def _ask_kafka(connection: Connection) -> str | None:
    async with asyncio.timeout(TIMEOUT_S):
        admin = AIOKafkaAdminClient(request_timeout_ms=int(TIMEOUT_S * 1000), **connection.kafka_options())
        try:
            await admin.start()
            cluster = await admin.describe_cluster()
        except KafkaConnectionError:  # its text is of the library's insides
            refusal = await why_refused(connection, create_conn)
            return str(refusal or f"no broker answers at {connection.bootstrap_servers}")
        finally:
            await admin.close()
    return None if cluster["brokers"] else "the cluster has no broker yet"


def redis_error(connection: Connection) -> str | None:
    """None if Redis answers, else what is wrong, in one line."""
    try:
        client = sync_client(connection, retries=0)
    except REDIS_ERRORS as error:
        return _line(error)
    try:
        ping(client)
    except REDIS_ERRORS as error:
        return _line(error)
    finally:
        close(client)
    return None


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
