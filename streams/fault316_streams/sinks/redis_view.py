"""The view in Redis: the keys that other programs read."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from typing import Final, Self
from uuid import uuid4

import msgspec
from redis.asyncio import Redis

from fault316.redis_client import REDIS_ERRORS, aclose, async_client, forget, is_cluster, masters_of
from fault316_schemas import Connection, Keys, StormAlert, Transition
from fault316_streams.sinks import layout
from fault316_streams.sinks.scripts import Call, Script, run
from fault316_streams.sinks.view import CodeView, SinkUnavailable

CODES_PER_CALL_MAX: Final = 1_000
"""Members of one ZADD; Lua's `unpack` takes about 8,000 values, and these are two each."""

_CLAIM, _ALERT = Script("claim"), Script("alert")
_CODE, _CODES = Script("code"), Script("codes")
_STORM_ACTIVE, _STORM_LATEST = Script("storm_active"), Script("storm_latest")


class RedisView:
    """A `ViewSink` in Redis 6.2 or later, or what speaks its protocol: one server, a cluster, a master with replicas.

    Each partition has a mark, which the last script of each write changes. Where the next write does not find the mark
    that this one left, somebody else wrote, or Redis was emptied, or it has lost the end of what it had acknowledged
    (a fail-over to a replica, a restart); then the caller is asked to state that partition anew. So it is after any
    failure, because nobody heard the answers. A cluster's masters lose apart from one another, and not all have a
    mark: there, that a master is a new one is enough.
    """

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        """`redis` must not retry by itself: a repeated question about the mark finds the new one."""
        self._redis = redis
        self._keys = keys
        self._writer = uuid4().hex
        self._writes = 0
        self._marks: dict[int, str] = {}
        """Of each partition, as our last write left it; empty after a failure."""
        self._masters: frozenset[str] | None = None
        """Of a cluster, when the last write began."""

    @classmethod
    def connect(cls, connection: Connection) -> Self:
        """A view on the connection's Redis. It connects with the first write."""
        return cls(async_client(connection, retries=0), connection.keys)

    async def write(
        self, codes: Sequence[CodeView], alerts: Sequence[StormAlert], partitions: Collection[int]
    ) -> set[int]:
        """See `ViewSink`."""
        owned = sorted(partitions)
        self._writes += 1
        mark = f"{self._writer}:{self._writes}"
        rounds = [
            chain.from_iterable(map(self._storm_of, alerts)),
            # Who is woken by the stream finds the storm.
            chain(map(self._entry, alerts), chain.from_iterable(map(self._code, codes))),
            self._codes(codes),  # who finds a code listed finds its counter
            (self._claim(partition, mark) for partition in owned),
        ]
        try:
            failed_over = await self._failed_over()
            answers = await run(self._redis, rounds)
        except (*REDIS_ERRORS, OSError) as error:
            self._marks = {}
            with suppress(*REDIS_ERRORS, OSError):
                await forget(self._redis)
            words = f"{type(error).__name__}: {error}".partition("\n")[0].rstrip(".")
            raise SinkUnavailable(f"{words}; check FAULT316_REDIS_URL if it stays so") from error
        except BaseException:  # cancelled: the answers were not heard either
            self._marks = {}
            raise
        changed = answers[len(answers) - len(owned) :]
        self._marks |= dict.fromkeys(owned, mark)
        return {partition for partition, lost in zip(owned, changed, strict=True) if lost or failed_over}

    async def close(self) -> None:
        """See `ViewSink`."""
        await aclose(self._redis)

    async def _failed_over(self) -> bool:
        """Whether a cluster has other masters than when the last write began."""
        if not is_cluster(self._redis):
            return False
        before, self._masters = self._masters, await masters_of(self._redis)
        return before not in (None, self._masters)

    def _claim(self, partition: int, mark: str) -> Call:
        known = self._marks.get(partition, "")
        return Call(_CLAIM, [layout.view_key(self._keys, partition)], [layout.VIEW_TTL_S, mark, known])

    def _storm_of(self, alert: StormAlert) -> Iterator[Call]:
        storm = self._keys.storm(alert.storm_id)
        yield Call(
            _STORM_LATEST,
            [storm, layout.guard_key(storm, "order")],
            [layout.STORM_TTL_S, layout.alert_order(alert), alert.to_json()],
        )
        ended = alert.transition is Transition.RESOLVED
        yield self._storm(alert.storm_id, "" if ended else layout.number(alert.started_at.timestamp()))

    def _entry(self, alert: StormAlert) -> Call:
        stream = self._keys.alerts
        return Call(
            _ALERT,
            [stream, layout.guard_key(stream, "seen")],
            [layout.ALERTS_TTL_S, layout.ALERTS_MAX, layout.ALERTS_SEEN_MAX, alert.alert_id, alert.to_json()],
        )

    def _storm(self, storm_id: str, started_at: str) -> Call:
        storms = self._keys.storms
        return Call(
            _STORM_ACTIVE,
            [storms, layout.guard_key(storms, "ended")],
            [layout.STORM_TTL_S, layout.STORMS_ENDED_MAX, storm_id, started_at],
        )

    def _codes(self, codes: Sequence[CodeView]) -> Iterator[Call]:
        if not codes:
            return
        oldest = layout.number(max(view.last_seen_s for view in codes) - layout.COUNTER_TTL_S)
        remaining = iter(codes)
        while chunk := list(islice(remaining, CODES_PER_CALL_MAX)):
            members = chain.from_iterable((layout.number(view.last_seen_s), view.code) for view in chunk)
            yield Call(_CODES, [self._keys.codes], [layout.COUNTER_TTL_S, oldest, *members])

    def _code(self, view: CodeView) -> Iterator[Call]:
        for storm_id in view.ended_storms:
            yield self._storm(storm_id, "")
        if view.active_storm:
            storm_id, started_at_s = view.active_storm
            yield self._storm(storm_id, layout.number(started_at_s))
        hours = layout.series_fields(view)
        fields = [layout.counter_fields(view), layout.rate_fields(view), *hours.values()]
        flat = [list(chain.from_iterable(each.items())) for each in fields]
        yield Call(
            _CODE,
            [
                self._keys.counter(view.code),
                self._keys.rate(view.code),
                *(self._keys.series(view.code, hour) for hour in hours),
            ],
            [
                view.version,
                layout.number(view.first_seen_s),
                msgspec.msgpack.encode(flat),
                layout.COUNTER_TTL_S,
                layout.RATE_TTL_S,
                *[layout.SERIES_TTL_S] * len(hours),
            ],
        )
