"""The outbox's bounds, without Kafka: what does not fit is dropped, counted and said."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from fault316._outbox import RECORD_BYTES_MAX, Outbox
from fault316_schemas import Connection


@pytest.fixture
async def outbox() -> AsyncIterator[Outbox]:
    """One whose Kafka never takes anything: its pump only waits."""

    async def pump() -> None:
        await asyncio.Event().wait()

    box = Outbox(Connection(_env_file=None), "events", bytes_max=100)
    box._pump_task = asyncio.create_task(pump())
    yield box
    box._pump_task.cancel()


async def test_records_are_pending_until_settled(outbox: Outbox) -> None:
    assert await outbox.put(b"x" * 40, wait_s=0)
    assert await outbox.put(b"x" * 60, wait_s=0)
    assert (outbox.pending, outbox.sent, outbox.dropped) == (2, 0, 0)
    assert not await outbox.flush(0)


async def test_a_full_buffer_drops_counts_and_says_so_once(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    assert await outbox.put(b"x" * 100, wait_s=0)
    with caplog.at_level(logging.WARNING, logger="fault316"):
        assert [await outbox.put(b"x", wait_s=0) for _ in range(5)] == [False] * 5
    assert (outbox.pending, outbox.dropped) == (1, 5)
    assert len(caplog.records) == 1
    assert "buffer is full" in caplog.text


async def test_a_record_waits_for_room(outbox: Outbox) -> None:
    await outbox.put(b"x" * 100, wait_s=0)
    waiting = asyncio.create_task(outbox.put(b"y", wait_s=60))
    await asyncio.sleep(0)
    assert not waiting.done()
    delivery: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    delivery.set_result(None)
    outbox._settle([(b"x" * 100, 1)], delivery)
    assert await waiting
    assert (outbox.pending, outbox.sent, outbox.dropped) == (1, 1, 0)


async def test_a_refusal_by_kafka_is_counted(outbox: Outbox) -> None:
    await outbox.put(b"x", wait_s=0)
    delivery: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    delivery.set_exception(RuntimeError("too large"))
    outbox._settle([(b"x", 1)], delivery)
    assert (outbox.pending, outbox.sent, outbox.dropped) == (0, 0, 1)


async def test_a_record_that_no_broker_takes_is_dropped_at_once(outbox: Outbox) -> None:
    assert not await outbox.put(b"x" * (RECORD_BYTES_MAX + 1), wait_s=60)
    assert (outbox.pending, outbox.dropped) == (0, 1)


async def test_nothing_is_taken_when_nothing_is_sent_any_more(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Should the sending task ever end by a bug, faults are counted as lost and it is said, not silent."""
    assert outbox._pump_task is not None
    outbox._pump_task.cancel()
    await asyncio.wait([outbox._pump_task])
    assert not await outbox.put(b"x", wait_s=0)
    assert (outbox.pending, outbox.dropped) == (0, 1)
    assert "nothing is sent any more" in caplog.text
