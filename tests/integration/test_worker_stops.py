"""A worker that is stopped while it is still starting."""

import asyncio
import gc
from typing import Any

import pytest

from fault316_streams.faust_consumer import Consumer
from fault316_streams.settings import Stages, WorkerSettings
from fault316_streams.worker import Worker


async def test_a_stop_at_the_end_of_a_recovery_leaves_nothing_in_the_log(
    topics: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last step hears of the stop by itself, in the very moment in which the recovery's task is cancelled."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    errors: list[dict[str, Any]] = []

    async def perform_seek(consumer: Consumer) -> None:
        recovery = consumer.app.tables.recovery
        recovery._stopped.set()
        stop.set()
        # The step's task wakes in the loop's next turn but one, and the recovery's in the one after that.
        loop.call_soon(loop.call_soon, lambda: [task.cancel() for task in recovery._futures])

    monkeypatch.setattr(Consumer, "perform_seek", perform_seek)
    loop.set_exception_handler(lambda _loop, about: errors.append(about))
    await Worker(topics.model_copy(update={"http_port": 0}), Stages.DETECT).run(stop)
    gc.collect()
    assert errors == []
