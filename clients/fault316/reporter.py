"""`Reporter`: a service says that something failed, and goes on with its work."""

from types import TracebackType
from typing import Self, Unpack

from fault316._build import Details, build
from fault316._compression import COMPRESSION, Compression, checked
from fault316._identity import identity
from fault316._outbox import Outbox
from fault316_schemas import Connection, FaultEvent
from fault316_schemas.scrub import scrub_event

START_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 5.0
FULL_WAIT_S = 1.0
"""What `report` waits for room at most. A service in trouble is not to be slowed down by its reports."""


class Reporter:
    """Sends fault events to Kafka from one event loop.

        async with Reporter("checkout", version="2.4.1") as reporter:
            try:
                await submit(order)
            except Exception as error:
                await reporter.report("316-ORDER-SUBMIT-ERR", exception=error, user_id=order.user_id)
                raise

    Passwords, tokens, card numbers and the like are taken out of every text before it leaves the process (see
    docs/security.md). Events are buffered and sent in batches in the background, acknowledged by all in-sync replicas and without
    repeats. While Kafka is away they wait, up to 32 MiB; `pending`, `sent` and `dropped` say how many events
    there are of each, and every loss is logged under the logger `fault316`.

    Args:
        service: who reports; required in every event.
        connection: where Kafka is; by default from `FAULT316_*` environment variables.
        host: by default the machine's name.
        version, environment, component: put into every event.
        full_wait_s: what `report` waits for room where the buffer is full, before the event is dropped.
        compression: of batches: gzip, zstd, lz4, snappy (all but gzip need cramjam), or None.

    Raises:
        pydantic.ValidationError: one of these is empty or too long, or a `FAULT316_*` variable is wrong.
        ValueError, ModuleNotFoundError: there is no such compression, or not without cramjam.
    """

    def __init__(
        self,
        service: str,
        *,
        connection: Connection | None = None,
        host: str | None = None,
        version: str | None = None,
        environment: str | None = None,
        component: str | None = None,
        full_wait_s: float = FULL_WAIT_S,
        compression: Compression | None = COMPRESSION,
    ) -> None:
        self._identity = identity(service, host, version, environment, component)
        build(self._identity, "316-OTHER", {})  # a wrong identity shows here, not with the first fault
        self._connection = connection or Connection()
        self._full_wait_s = full_wait_s
        self._outbox = Outbox(self._connection, self._connection.topics.events, checked(compression))

    @property
    def sent(self) -> int:
        """Events that Kafka has acknowledged."""
        return self._outbox.sent

    @property
    def dropped(self) -> int:
        """Events given up: no room, too large, refused by Kafka, or not delivered when closed."""
        return self._outbox.dropped

    @property
    def pending(self) -> int:
        """Events on their way."""
        return self._outbox.pending

    async def start(self, timeout: float = START_TIMEOUT_S) -> None:
        """Connect; `async with` does it too.

        Raises:
            KafkaUnavailable: Kafka does not answer within `timeout` seconds, or has no events topic.
        """
        await self._outbox.start(timeout)

    async def close(self, timeout: float = CLOSE_TIMEOUT_S) -> None:
        """Send what is pending for at most `timeout` seconds; what is left then is dropped, counted and logged."""
        await self._outbox.close(timeout)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def report(self, code: str, **details: Unpack[Details]) -> str:
        """Report one fault, now. Does not wait for Kafka, unless the buffer is full.

        Args:
            code: `316-…`, such as `316-TIMEOUT-ERR`.
            details: see `Details`; `exception=error` is the one that says most.

        Returns:
            The event's id: put it into the log line, so that the two can be found from each other.

        Raises:
            pydantic.ValidationError: code, count, severity or attributes are not as the contract says.
            RuntimeError: the reporter is not started, or closed.
        """
        event = build(self._identity, code, details)
        await self._put(event)
        return event.id

    async def report_event(self, event: FaultEvent) -> bool:
        """Send an event made elsewhere, as it is but for secrets; False if it had to be dropped."""
        return await self._put(scrub_event(event))

    async def _put(self, event: FaultEvent) -> bool:
        return await self._outbox.put(event.to_json(), self._full_wait_s)

    async def flush(self, timeout: float = CLOSE_TIMEOUT_S) -> bool:
        """Wait until nothing is pending; False if `timeout` seconds were not enough. Nothing is dropped."""
        return await self._outbox.flush(timeout)
