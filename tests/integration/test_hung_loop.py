"""A program whose event loop hangs says so itself, with the real reporter and a real Kafka."""

import asyncio

from fault316 import BackgroundReporter
from fault316.integrations.loop import LoopWatchdog
from fault316_schemas import FaultEvent
from fault316_streams.settings import WorkerSettings
from support import until


async def test_a_hang_is_with_kafka_while_the_loop_still_hangs(topics: WorkerSettings) -> None:
    seen: list[FaultEvent] = []

    def look_on(event: FaultEvent) -> FaultEvent:
        seen.append(event)
        return event

    def wait_for_the_bank() -> None:
        until(lambda: reporter.sent)  # it hangs until Kafka has acknowledged what is said of it

    with (
        BackgroundReporter("shop", connection=topics, before_send=look_on) as reporter,
        LoopWatchdog(limit_s=0.2, reporter=reporter),
    ):
        await asyncio.sleep(0)
        wait_for_the_bank()
    assert [event.code for event in seen] == ["316-HANG-ERR"]
    assert seen[0].exception is not None
    assert "in wait_for_the_bank" in str(seen[0].exception.stacktrace)
