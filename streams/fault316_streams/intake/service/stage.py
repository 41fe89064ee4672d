"""The intake stage: sessions with Kafka, one after the other, for as long as the worker runs."""

import asyncio
from typing import Final

import structlog
from aiokafka.errors import KafkaError

from fault316_schemas import Registry
from fault316_streams.health import Status
from fault316_streams.intake.service.session import Session
from fault316_streams.intake.service.status import IntakeState
from fault316_streams.intake.stats import IntakeStats
from fault316_streams.settings import WorkerSettings
from fault316_streams.watchdog import Progress

BACKOFF_MIN_S: Final = 0.5
BACKOFF_MAX_S: Final = 5.0

log = structlog.get_logger(__name__)


class IntakeService:
    """Reads the events topic, writes partials and dead letters. A `Component` and `Watched`.

    Needs no clean stop: when cancelled, or killed, the next intake resumes at the committed chunk starts and
    repeats what was said since.
    """

    name = "intake"

    def __init__(self, settings: WorkerSettings, registry: Registry) -> None:
        """`registry` gives severities to events that have none."""
        self.stats = IntakeStats()
        self.state = IntakeState()
        self._settings = settings
        self._registry = registry
        self._stopping = asyncio.Event()
        self._session: Session | None = None
        self._failure = ""

    async def run(self) -> None:
        """Work until `stop`, or until cancelled. Where Kafka fails, begin anew, with growing pauses.

        Raises:
            ExceptionGroup: of something that no new beginning mends: a bug.
        """
        failures = 0
        while not self._stopping.is_set():
            done = self.state.done
            self._session = Session(self._settings, self._registry, self.stats, self.state)
            failed: BaseExceptionGroup[Exception] | None = None
            try:
                await self._session.run()
            except* (KafkaError, OSError, TimeoutError) as group:
                failed = group
            if failed is None:
                return
            if self._stopping.is_set():
                log.warning(
                    "stopped before all was acknowledged; it will be said again", error=_words(_first(failed))
                )
                return
            failures = 1 if self.state.done > done else failures + 1
            await self._back_off(
                _first(failed), min(BACKOFF_MAX_S, BACKOFF_MIN_S * 2 ** min(failures - 1, 8))
            )

    def stop(self) -> None:
        """Publish and commit what has been read, leave the group, return from `run`."""
        self._stopping.set()
        if self._session:
            self._session.stop()

    def status(self) -> Status:
        """See `Component`: ready once the group has given us our partitions and nothing is long waited for."""
        facts = {
            "partitions": len(self.state.partitions),
            "lag": sum(partition.lag for partition in self.state.partitions.values()),
        }
        what, since_s = self.state.waiting_for or ("to assign partitions", None)
        if apart_since_s := self.state.apart_since_s:
            since_s = min(apart_since_s, since_s or apart_since_s)
        if since_s:
            kafka = f"kafka at {self._settings.bootstrap_servers}"
            return Status(False, f"waiting for {kafka}: {what}{self._cause}", since_s, facts)
        behind = sorted(p for p, partition in self.state.partitions.items() if not partition.caught_up)
        return Status(True, f"ok; catching up with partitions {behind}" if behind else "ok", facts=facts)

    def progress(self) -> Progress:
        """See `Watched`: there is work where the log has more than was read, or where nobody knows."""
        partitions = self.state.partitions.values()
        return Progress(self.state.done, any(partition.lag or partition.silent for partition in partitions))

    @property
    def _cause(self) -> str:
        return f" (after {self._failure})" if self._failure and self.state.apart_since_s else ""

    async def _back_off(self, error: BaseException, pause_s: float) -> None:
        self.stats.restarts += 1
        self._failure = _words(error)
        log.warning("kafka failed; beginning anew", error=_words(error), pause_s=pause_s)
        with self.state.waiting("before the next try"):
            try:
                async with asyncio.timeout(pause_s):
                    await self._stopping.wait()
            except TimeoutError:
                return


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
