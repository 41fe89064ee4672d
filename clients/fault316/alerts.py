"""`AlertFeed`: storm alerts as an async iterator."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Self, TypedDict, Unpack

from pydantic import ValidationError

from fault316._alert_filter import AlertFilter
from fault316._alert_source import Burial, Received, Source
from fault316._kafka_alerts import KafkaAlerts
from fault316_schemas import Connection, Severity, StormAlert, Transition

logger = logging.getLogger("fault316")

START_TIMEOUT_S = 20.0
"""Joining a group may take a broker's whole `group.initial.rebalance.delay.ms`, 3 s by default."""
COMMIT_LIMIT_S = 5.0
"""For the last commit when the feed is left: the server may be away just then."""
ATTEMPTS = 5
BACKOFF_S = 1.0
BACKOFF_MAX_S = 60.0
CLAIM_AFTER_S = 60.0

Handler = Callable[[StormAlert], Awaitable[object] | object]
"""A coroutine function, or a plain one, which is called in a thread so that it may block."""


class FeedOptions(TypedDict, total=False):
    """What a feed may be told, wherever its alerts come from."""

    group: str | None
    from_beginning: bool
    min_severity: Severity | str | None
    code: str | Iterable[str] | None
    transitions: Iterable[Transition | str] | None


class RedisFeedOptions(FeedOptions, total=False):
    """And what only a feed from Redis may be told: see `AlertFeed.from_redis`."""

    consumer: str | None
    claim_after_s: float


class AlertFeed:
    """Storm alerts as they come.

        async with AlertFeed(group="pager", min_severity="P1") as feed:
            async for alert in feed:
                await page(alert.summary)

    With a `group` every alert is delivered at least once to one member of the group: it is committed when the
    loop asks for the next one, or is left without an exception. What a crash interrupted comes again. Repeats of
    one transition (same `alert_id`) that was handled are dropped, also those of the last 1,000 alerts before a
    restart. A new group starts from now, unless `from_beginning`. Without a group each feed reads all alerts from
    now (or from the beginning) and nothing is remembered. Records that are not alerts are skipped, logged and
    counted in `skipped`.

    Args:
        connection: where Kafka is; by default from `FAULT316_*` environment variables.
        group: who shares the work, and whose position is kept.
        from_beginning: where a new group, or a feed without one, starts.
        min_severity: `"P1"` lets P0 and P1 pass.
        code: a pattern, or several, of which one must fit: `"316-DB-*"`.
        transitions: those wanted, such as `("opened", "resolved")`.
        source: where alerts come from instead of Kafka; `from_redis` and `fault316.testing` use it.

    Raises:
        ValueError: there is no such severity or transition.
    """

    def __init__(
        self,
        connection: Connection | None = None,
        *,
        group: str | None = None,
        from_beginning: bool = False,
        min_severity: Severity | str | None = None,
        code: str | Iterable[str] | None = None,
        transitions: Iterable[Transition | str] | None = None,
        source: Source | None = None,
    ) -> None:
        self.skipped = 0
        """Records that are not a StormAlert that this version can read."""
        self.buried = 0
        """Alerts that `run` gave up; those that could not be written as dead letters are among them."""
        self._filter = AlertFilter.of(min_severity, code, transitions)
        self._source = source or KafkaAlerts(connection or Connection(), group, from_beginning)
        self._started = False
        self._delivered: Received | None = None
        self._delivered_id: str | None = None

    async def start(self, timeout: float = START_TIMEOUT_S) -> None:
        """Connect and take up the position; alerts sent after this returns are seen.

        Raises:
            KafkaUnavailable, RedisUnavailable: no answer within `timeout` seconds, or no alerts topic.
        """
        await self._source.start(timeout)
        self._started = True

    async def close(self) -> None:
        """Leave the group; loops over the feed end. What was delivered last is not committed; `async with` does that."""
        self._started = False
        self._delivered = self._delivered_id = None
        await self._source.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:  # left by `break` or `return`: the last alert has been handled
            try:
                async with asyncio.timeout(COMMIT_LIMIT_S):
                    await self._settle_delivered()
            except TimeoutError:
                logger.warning("the last alert's position was not taken within %g s", COMMIT_LIMIT_S)
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StormAlert:
        """The next alert; waits for it without limit. Asking for it says that the one before is handled."""
        if not self._started:
            raise RuntimeError("not started: use `async with AlertFeed(…) as feed`")
        while True:
            await self._settle_delivered()
            self._delivered = await self._source.receive()
            alert = self._read(self._delivered)
            if alert is None or alert.alert_id in self._source.handled:
                continue
            self._delivered_id = alert.alert_id
            if self._filter.passes(alert):
                return alert

    async def run(self, handler: Handler, *, attempts: int = ATTEMPTS, backoff_s: float = BACKOFF_S) -> None:
        """Hand every alert to `handler` until cancelled; one whose handling keeps failing stops nothing.

        After an exception it is tried again, `backoff_s` later, then twice that, up to a minute. After `attempts` in
        all the alert is put on `316.alerts.dlq`, with the error; where that fails, it is logged. Then the next.
        A plain handler is called in a thread. Kafka gives a member's alerts to others when it has taken more than
        five minutes for one, so keep the attempts of one alert below that.

        Raises:
            ValueError: `attempts` is less than 1.
        """
        if attempts < 1:
            raise ValueError(f"attempts is {attempts}, should be 1 or more")
        async for alert in self:
            if error := await _attempt(handler, alert, attempts, backoff_s):
                await self._bury(alert, error, attempts)

    async def _bury(self, alert: StormAlert, error: Exception, attempts: int) -> None:
        assert self._delivered is not None
        self.buried += 1
        try:
            await self._source.bury(self._delivered, Burial(alert.alert_id, alert.storm_id, error, attempts))
        except Exception as problem:
            logger.exception(
                "alert %s (%s) was not handled and is not on the dead-letter topic: %r",
                *(alert.alert_id, alert.summary, problem),
            )

    async def _settle_delivered(self) -> None:
        received, alert_id = self._delivered, self._delivered_id
        self._delivered = self._delivered_id = None
        if alert_id is not None:
            self._source.handled.add(alert_id)
        if received is not None:
            await self._source.settle(received)

    def _read(self, received: Received) -> StormAlert | None:
        try:
            return StormAlert.from_json(received.value)
        except ValidationError as error:
            self.skipped += 1
            logger.warning(
                "record %s is not a storm alert, skipped: %s",
                received.where,
                "; ".join(item["msg"] for item in error.errors(include_url=False, include_input=False)[:3]),
            )
            return None

    @classmethod
    def from_redis(cls, connection: Connection | None = None, **options: Unpack[RedisFeedOptions]) -> Self:
        """The same from the Redis stream `316:alerts`, for those without Kafka.

        With a `group` as with Kafka; the group's members share the alerts one by one. What a dead member left is
        taken over by another once it has been idle for `claim_after_s`; a member that lives keeps what it handles,
        however long that takes. The stream holds the newest 10,000 alerts or so.

        Args:
            connection: where Redis is; by default from `FAULT316_*` environment variables.
            options: those of `AlertFeed`; and
                `consumer`, this member's name. Under the same name a restarted one goes on at once with what it left;
                two at a time must not share it. By default a new name each time.
                `claim_after_s`, seconds, by default 60.
        """
        # Here, because a service that reads from Kafka need not load the Redis client.
        from fault316._redis_alerts import RedisAlerts

        source = RedisAlerts(
            connection or Connection(),
            options.get("group"),
            options.get("consumer"),
            options.get("from_beginning", False),
            options.get("claim_after_s", CLAIM_AFTER_S),
        )
        return cls(
            min_severity=options.get("min_severity"),
            code=options.get("code"),
            transitions=options.get("transitions"),
            source=source,
        )


async def _attempt(handler: Handler, alert: StormAlert, attempts: int, backoff_s: float) -> Exception | None:
    """The last error, or None where one attempt went well."""
    failed: Exception | None = None
    for attempt in range(1, attempts + 1):
        try:
            await _call(handler, alert)
        except Exception as error:
            failed = error
            logger.warning("alert %s, attempt %s of %s: %r", alert.alert_id, attempt, attempts, error)
        else:
            return None
        if attempt < attempts:
            await asyncio.sleep(min(BACKOFF_MAX_S, backoff_s * 2 ** (attempt - 1)))
    return failed


async def _call(handler: Handler, alert: StormAlert) -> None:
    if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__):
        result = handler(alert)
    else:
        result = await asyncio.to_thread(handler, alert)
    if inspect.isawaitable(result):  # of a partial, or a lambda around a coroutine function
        await result
