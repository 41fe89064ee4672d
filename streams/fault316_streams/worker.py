"""A worker: the stages of one process, what they are wired to, and how they start and stop.

KafkaReady ─▶ intake ─▶ (partials topic) ─▶ Faust: detect ─▶ alerts topic
                                                    └─▶ view writer ─▶ Redis
beside them: /healthz /readyz /metrics, and the watchdog
"""

import asyncio
import time
from collections.abc import Coroutine, Iterable
from typing import Any, Final

import structlog

from fault316_streams.detect import PolicyBook
from fault316_streams.detect_stage import DetectStage
from fault316_streams.errors import Failure
from fault316_streams.health import Component, Status
from fault316_streams.http import HttpServer
from fault316_streams.intake.service import IntakeService
from fault316_streams.metrics import Metrics
from fault316_streams.metrics_wiring import follow_detect, follow_intake, follow_waits
from fault316_streams.settings import Stages, WorkerSettings
from fault316_streams.sinks.backoff import backoff_s
from fault316_streams.topics import ensure_topics
from fault316_streams.watchdog import ProgressPolicy, Watchdog, Watched

STOP_LIMIT_S: Final = 8.0
"""For everything to end after a SIGTERM; a container gets 10 s."""

log = structlog.get_logger("fault316.worker")


class KafkaReady:
    """Waits for Kafka and the topics. A `Component`: ready once they are there."""

    name = "kafka"

    def __init__(self, settings: WorkerSettings, groups: Iterable[str]) -> None:
        """`groups`: consumer groups that the worker joins."""
        self._settings = settings
        self._groups = tuple(groups)
        self._status = Status(False, "waiting for kafka: for the first connection", time.time())

    def status(self) -> Status:
        """See `Component`."""
        return self._status

    async def wait(self) -> None:
        """Return once all topics are there.

        Raises:
            Failure: a topic is there with settings that cannot work.
        """
        failures = 0
        while True:
            try:
                await ensure_topics(self._settings, self._groups)
            except Failure as error:
                if error.__cause__ is None:
                    raise  # it answers, and what it answers cannot be mended by waiting
                failures += 1
                log.warning("waiting for kafka", reason=str(error))
                self._status = Status(False, f"waiting: {error}", self._status.since_s)
                await asyncio.sleep(backoff_s(failures))
            else:
                self._status = Status(True, "ok at the start; the stages say how it is now")
                return


class Worker:
    """One process of fault316. Everything that it needs is checked here, before it starts."""

    def __init__(self, settings: WorkerSettings, stages: Stages = Stages.ALL) -> None:
        """
        Raises:
            Misuse: the policy file or the HTTP settings are wrong; one line that names the field.
        """
        self._book = PolicyBook.load(settings.policy_file)
        self._metrics = Metrics()
        groups = [settings.topics.intake_group] if stages != Stages.DETECT else []
        groups += [settings.topics.detect_group] if stages != Stages.INTAKE else []
        self._kafka = KafkaReady(settings, groups)
        self._intake = IntakeService(settings, self._book.registry) if stages != Stages.DETECT else None
        self.detect = DetectStage(settings, self._book, self._metrics) if stages != Stages.INTAKE else None
        self._stuck = asyncio.Event()
        watched: list[Watched] = [stage for stage in (self._intake, self.detect) if stage]
        policy = ProgressPolicy(settings.stall_limit_s)
        self._watchdog = Watchdog(watched, policy, self._metrics, self._stuck.set)
        components: list[Component] = [self._kafka]
        if self._intake:
            components.append(self._intake)
            follow_intake(self._metrics, self._intake)
        if self.detect:
            components += self.detect.components
            follow_detect(self._metrics, self.detect.detector)
        follow_waits(self._metrics, [*components, self._watchdog])
        self.http = HttpServer(settings, self._metrics, self._watchdog, components)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then end cleanly within 10 s.

        Raises:
            Failure, Misuse: the worker cannot go on; the message says why.
        """
        await self.http.start()
        try:
            async with asyncio.TaskGroup() as group:
                main = group.create_task(self._run_stages())
                group.create_task(self._end(main, stop))
        except* (Failure, Exception) as errors:
            raise _first(errors) from None
        finally:
            await self.http.stop()
            log.info("stopped")

    async def prepare(self) -> None:
        """What comes before Faust, for a worker that Faust itself runs (`faust -A fault316_streams.app worker`)."""
        await self.http.start()
        await self._kafka.wait()

    async def beside(self) -> None:
        """Everything but Faust, for the same; after `prepare`."""
        try:
            async with asyncio.TaskGroup() as group:
                for coroutine in self._services():
                    group.create_task(coroutine)
                if self.detect:
                    group.create_task(self.detect.write_view())
        finally:
            await self.http.stop()

    def _services(self) -> list[Coroutine[Any, Any, None]]:
        services = [self._watchdog.run()]
        if self._intake:
            services.append(self._intake.run())
        return services

    async def _run_stages(self) -> None:
        await self._kafka.wait()
        async with asyncio.TaskGroup() as group:
            for coroutine in self._services():
                group.create_task(coroutine)
            if self.detect:
                group.create_task(self.detect.run())

    async def _end(self, main: asyncio.Task[None], stop: asyncio.Event) -> None:
        """Cancel the stages when it is time, and see to it that they end."""
        waiters = [asyncio.create_task(stop.wait()), asyncio.create_task(self._stuck.wait())]
        await asyncio.wait([main, *waiters], return_when=asyncio.FIRST_COMPLETED)
        for waiter in waiters:
            waiter.cancel()
        if not main.done():
            log.info("stopping")
            main.cancel()
            _, pending = await asyncio.wait([main], timeout=STOP_LIMIT_S)
            if pending:
                raise Failure(
                    f"did not stop within {STOP_LIMIT_S:g} s; the next start reads on from its last commit"
                )
        if self._watchdog.stuck:
            raise Failure(f"{self._watchdog.stuck} made no progress for FAULT316_STALL_LIMIT_S; see the log")


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
