"""Closing Kafka clients, also while Kafka is away."""

import asyncio
from typing import Any, Final

import structlog

CLOSE_LIMIT_S: Final = 3.0
"""Enough to leave the consumer group; a worker has 10 s to stop in all."""

_closing: set[asyncio.Task[None]] = set()

log = structlog.get_logger(__name__)


async def close(*clients: Any) -> None:
    """Stop all of them side by side; errors are logged.

    An idempotent producer with something left to send stops only when Kafka is back. It is left to do so by
    itself: what it still says is a statement that may come late.
    """
    tasks = {asyncio.create_task(client.stop()) for client in clients}
    _, pending = await asyncio.wait(tasks, timeout=CLOSE_LIMIT_S)
    for task in tasks:
        _closing.add(task)
        task.add_done_callback(_closed)
    if pending:
        log.warning("kafka clients still closing", clients=len(pending))


def _closed(task: asyncio.Task[None]) -> None:
    _closing.discard(task)
    if not task.cancelled() and (error := task.exception()):
        log.warning("kafka client closed with an error", error=repr(error))
