"""The detect stage of a worker: Faust with the detector on it, the alert topic and the Redis view."""

import asyncio
from typing import Any, Final

import structlog

from fault316_streams.detect import PolicyBook
from fault316_streams.detector import Detector
from fault316_streams.errors import Failure
from fault316_streams.faust_app import build_faust_app
from fault316_streams.health import Component, Status
from fault316_streams.metrics import Metrics
from fault316_streams.settings import WorkerSettings
from fault316_streams.sinks.alerts import AlertTopic
from fault316_streams.sinks.redis_view import RedisView
from fault316_streams.sinks.writer import ViewWriter
from fault316_streams.watchdog import Progress

CRASH_LOOK_S: Final = 0.5
"""How often to look whether Faust has crashed; it tells nobody outside its own worker."""
FAUST_STOP_LIMIT_S: Final = 3.0
DRAIN_LIMIT_S: Final = 1.5
"""With the 3 s that the alert topic may take, below the worker's 8 s."""

log = structlog.get_logger("fault316.detect")


class DetectStage:
    """Partials in, alerts and the view out."""

    name = "detect"

    def __init__(self, settings: WorkerSettings, book: PolicyBook, metrics: Metrics) -> None:
        self._alerts = AlertTopic(settings)
        self._view = RedisView.connect(settings)
        self.detector = Detector(book, self._alerts, metrics, settings.checkpoint_s)
        self._writer = ViewWriter(self._view, self.detector.changes, settings.redis_flush_ms / 1_000, metrics)
        self._failure: BaseException | None = None
        self.faust: Any = build_faust_app(settings, self.detector, self._fail)
        self.components: list[Component] = [self, self._writer, self._alerts]

    def status(self) -> Status:
        """See `Component`: the detector's, once Faust has recovered the tables after a rebalance."""
        if self.faust.in_recovery:
            return Status(
                False,
                "waiting for kafka: for the codes' states to be read from their changelog",
                self.detector.unassigned_since_s,
            )
        return self.detector.status()

    def progress(self) -> Progress:
        """See `Watched`: there is work where the partials topic, or in recovery the changelog, holds more, and in a
        message that is being taken in; but then to wait for Kafka is no fault of ours, and /readyz says it.
        """
        if self.faust.in_recovery:
            return Progress(
                sum(offset or 0 for offset in self.faust.tables.recovery.active_offsets.values()), True
            )
        waits = not (self.detector.status().ready and self._alerts.status().ready)
        return Progress(self.detector.heard, self._lag() > 0 or (self.detector.busy and not waits))

    async def run(self) -> None:
        """Run Faust and keep the view up to date, until cancelled.

        Raises:
            Failure: Faust crashed, or the detector cannot go on.
        """
        self.faust.finalize()
        view = asyncio.create_task(self.write_view())
        try:
            await self.faust.start()
            while not (self.faust.crashed or self._failure or view.done()):  # noqa: ASYNC110 - no event to wait for
                await asyncio.sleep(CRASH_LOOK_S)
            reason = self._failure or self.faust.crash_reason or (view.exception() if view.done() else None)
            raise Failure(f"detect cannot go on: {type(reason).__name__}: {reason}") from reason
        finally:
            # The view first: it shows what the detector knows only while that owns its partitions.
            view.cancel()
            await asyncio.wait([view], timeout=DRAIN_LIMIT_S)
            await self._stop_faust()

    async def write_view(self) -> None:
        """Keep the Redis view up to date until cancelled, then write what is left."""
        try:
            await self._writer.run()
        finally:
            try:
                async with asyncio.timeout(DRAIN_LIMIT_S):
                    await self._writer.drain()
            except TimeoutError:
                log.warning("view not written to the end; the next owner does it")
            await self._view.close()

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error

    async def _stop_faust(self) -> None:
        try:
            async with asyncio.timeout(FAUST_STOP_LIMIT_S):
                await self.faust.stop()
        except TimeoutError:
            log.warning("faust did not stop in time", limit_s=FAUST_STOP_LIMIT_S)
        await self._alerts.close()

    def _lag(self) -> int:
        consumer = self.faust.consumer if self.faust.started else None
        if consumer is None:
            return 0
        lag = 0
        for tp in consumer.assignment():
            highwater, read = consumer.highwater(tp), consumer._read_offset.get(tp)
            if tp.topic in consumer.app.topics and highwater is not None and read is not None:
                lag += max(0, highwater - read - 1)
        return lag
