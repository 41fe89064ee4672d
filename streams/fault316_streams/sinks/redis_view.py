"""The view in Redis: the keys that other programs read."""

from collections.abc import Collection, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Final, Self
from uuid import uuid4

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

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
    """A `ViewSink` in Redis 6.2 or later, or what speaks its protocol.

    Each partition has a mark with the writer's name. Where it is another's or gone, the caller is asked to state
    that partition anew. After any failure the writer takes a new name, because what had been acknowledged may be
    lost too (a fail-over to a replica), and because nobody heard the answer to the question about the mark.
    """

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        """`redis` must not retry by itself: a repeated question about the mark finds our own name."""
        self._redis = redis
        self._keys = keys
        self._writer = uuid4().hex

    @classmethod
    def connect(cls, connection: Connection) -> Self:
        """A view on the connection's Redis. It connects with the first write."""
        options: dict[str, Any] = connection.redis_options() | {"retry": Retry(NoBackoff(), 0)}
        return cls(Redis.from_url(**options), connection.keys)

    async def write(
        self, codes: Sequence[CodeView], alerts: Sequence[StormAlert], partitions: Collection[int]
    ) -> set[int]:
        """See `ViewSink`."""
        owned = sorted(partitions)
        calls = chain(
            map(self._claim, owned),
            chain.from_iterable(map(self._alert, alerts)),
            chain.from_iterable(map(self._code, codes)),
            self._codes(codes),  # after the counters: who finds a code listed finds its counter
        )
        try:
            answers = await run(self._redis, calls)
        except (RedisError, OSError) as error:
            self._writer = uuid4().hex
            words = f"{type(error).__name__}: {error}".partition("\n")[0].rstrip(".")
            raise SinkUnavailable(f"{words}; check FAULT316_REDIS_URL if it stays so") from error
        except BaseException:  # cancelled: the answers were not heard either
            self._writer = uuid4().hex
            raise
        return {partition for partition, lost in zip(owned, answers, strict=False) if lost}

    async def close(self) -> None:
        """See `ViewSink`."""
        await self._redis.aclose()

    def _claim(self, partition: int) -> Call:
        return Call(_CLAIM, [layout.view_key(self._keys, partition)], [layout.VIEW_TTL_S, self._writer])

    def _alert(self, alert: StormAlert) -> Iterator[Call]:
        json = alert.to_json()
        storm, stream = self._keys.storm(alert.storm_id), self._keys.alerts
        yield Call(
            _STORM_LATEST,
            [storm, layout.guard_key(storm, "order")],
            [layout.STORM_TTL_S, layout.alert_order(alert), json],
        )
        ended = alert.transition is Transition.RESOLVED
        yield self._storm(alert.storm_id, "" if ended else layout.number(alert.started_at.timestamp()))
        # The stream last: who is woken by it finds the storm.
        yield Call(
            _ALERT,
            [stream, layout.guard_key(stream, "seen")],
            [layout.ALERTS_TTL_S, layout.ALERTS_MAX, layout.ALERTS_SEEN_MAX, alert.alert_id, json],
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
