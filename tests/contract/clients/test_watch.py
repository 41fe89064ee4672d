"""`watch`, and how little the counters ask of Redis, for both clients."""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from fault316 import AsyncCounters, Connection, Counters, CountersUnavailable
from fault316.redis_client import sync_client
from fault316.testing import storm_alert
from fault316.views import Update
from fault316_streams.settings import WorkerSettings
from round_trips import RoundTrips

CODES = 60
"""So many commands are 4 kB, which one segment holds; of a longer request a server answers the beginning first."""


class Watching:
    """Either client's `watch`, one update at a time."""

    def __init__(self, client: Counters | AsyncCounters) -> None:
        self.client = client
        self._updates = client.watch(interval_s=0.01)

    async def next(self) -> Update:
        """The next one, within a deadline."""
        updates = self._updates
        async with asyncio.timeout(20):
            if isinstance(updates, AsyncIterator):
                return await anext(updates)
            return await asyncio.to_thread(next, updates)


@pytest.fixture
def settings(every_redis: WorkerSettings) -> WorkerSettings:
    """On each kind of Redis."""
    return every_redis


@pytest.fixture(params=[Counters, AsyncCounters])
def watching(request: pytest.FixtureRequest, settings: WorkerSettings) -> Watching:
    return Watching(request.param(settings))


@pytest.fixture
def store(settings: WorkerSettings) -> Iterator[redis.Redis]:
    with contextlib.closing(sync_client(settings, retries=0)) as client:
        yield client


def put_total(store: redis.Redis, settings: WorkerSettings, code: str, total: int, last_s: float) -> None:
    store.hset(settings.keys.counter(code), mapping={"total": total})
    store.zadd(settings.keys.codes, {code: last_s})


def put_storm(store: redis.Redis, settings: WorkerSettings, storm_id: str, **fields: Any) -> None:
    alert = storm_alert(storm_id=storm_id, **fields)
    store.set(settings.keys.storm(storm_id), alert.to_json())
    if alert.transition == "resolved":
        store.zrem(settings.keys.storms, storm_id)
    else:
        store.zadd(settings.keys.storms, {storm_id: 1})


async def test_the_first_update_is_all_there_is_and_the_others_are_what_changed(
    watching: Watching, store: redis.Redis, settings: WorkerSettings
) -> None:
    put_total(store, settings, "316-A", 3, 1.0)
    put_total(store, settings, "316-B", 4, 1.0)
    put_storm(store, settings, "s1")
    first = await watching.next()
    assert first.totals == {"316-A": 3, "316-B": 4}
    assert [alert.storm_id for alert in first.storms] == ["s1"]

    put_total(store, settings, "316-B", 9, 2.0)
    assert (await watching.next()) == Update((), {"316-B": 9})

    put_storm(store, settings, "s1", transition="escalated", reason="rate_rose")
    assert [alert.transition for alert in (await watching.next()).storms] == ["escalated"]
    put_storm(store, settings, "s2")
    assert [alert.storm_id for alert in (await watching.next()).storms] == ["s2"]
    put_storm(store, settings, "s1", transition="resolved", reason="rate_fell")
    [over] = (await watching.next()).storms
    assert (over.storm_id, over.transition) == ("s1", "resolved")


async def test_nothing_at_all_is_an_update_too(watching: Watching) -> None:
    """So that a dashboard can draw itself."""
    assert await watching.next() == Update((), {})


async def test_late_events_are_seen_though_the_last_one_stays_the_same(
    watching: Watching, store: redis.Redis, settings: WorkerSettings
) -> None:
    put_total(store, settings, "316-A", 3, 1.0)
    await watching.next()
    put_total(store, settings, "316-A", 5, 1.0)
    assert (await watching.next()).totals == {"316-A": 5}


async def test_a_code_that_is_forgotten_and_comes_again_is_told(
    watching: Watching, store: redis.Redis, settings: WorkerSettings
) -> None:
    put_total(store, settings, "316-A", 3, 1.0)
    await watching.next()
    store.delete(settings.keys.counter("316-A"), settings.keys.codes)
    put_total(store, settings, "316-B", 1, 1.0)
    assert (await watching.next()).totals == {"316-B": 1}
    put_total(store, settings, "316-A", 3, 5.0)
    assert (await watching.next()).totals == {"316-A": 3}


@pytest.mark.parametrize("client", [Counters, AsyncCounters])
async def test_redis_away_is_said(client: type[Counters] | type[AsyncCounters]) -> None:
    connection = Connection(_env_file=None, redis_url="redis://127.0.0.1:1/0")
    with pytest.raises(CountersUnavailable):
        await Watching(client(connection)).next()


@pytest.mark.parametrize("every_redis", ["redis"], indirect=True)  # a line can be tapped, not three
def test_no_method_asks_more_often_where_there_is_more(settings: WorkerSettings, store: redis.Redis) -> None:
    """At most two round trips each, for dozens of codes and storms."""
    pipeline = store.pipeline(transaction=False)
    for n in range(CODES):
        code = f"316-C{n}"
        pipeline.zadd(settings.keys.codes, {code: n})
        pipeline.hset(settings.keys.counter(code), mapping={"total": n})
        pipeline.hset(settings.keys.rate(code), mapping={"1m": n})
        pipeline.zadd(settings.keys.storms, {f"s{n}": n})
        pipeline.set(settings.keys.storm(f"s{n}"), storm_alert(storm_id=f"s{n}").to_json())
    pipeline.execute()
    with contextlib.closing(RoundTrips(settings)) as line, Counters(line.settings) as counters:
        counters.codes()  # connects
        used = {
            "codes": line.used_by(counters.codes),
            "counter": line.used_by(lambda: counters.counter("316-C1")),
            "get_many": line.used_by(counters.get_many),
            "rates": line.used_by(lambda: counters.rates("316-C1")),
            "top": line.used_by(counters.top),
            "series": line.used_by(lambda: counters.series("316-C1", minutes=600)),
            "active_storms": line.used_by(counters.active_storms),
            "storm": line.used_by(lambda: counters.storm("s1")),
            "watch": line.used_by(lambda: next(counters.watch())),
        }
        assert len(counters.active_storms()) == len(counters.get_many()) == CODES
        assert len(counters.series("316-C1", minutes=600)) == 600
    assert used == {
        "codes": 1,
        "counter": 1,
        "get_many": 2,
        "rates": 1,
        "top": 2,
        "series": 1,
        "active_storms": 2,
        "storm": 1,
        "watch": 2,
    }


@pytest.mark.parametrize("client", [Counters, AsyncCounters])
async def test_the_last_minutes_of_a_series_end_with_this_one(
    client: type[Counters] | type[AsyncCounters], settings: WorkerSettings, store: redis.Redis
) -> None:
    now = datetime.now(UTC)
    for at in (now, now + timedelta(minutes=1)):  # the test may run on over a minute's end
        store.hset(settings.keys.series("316-A", f"{at:%Y%m%d%H}"), str(at.minute), 7)
    answer = client(settings).series("316-A", minutes=5)
    series = await answer if inspect.isawaitable(answer) else answer
    assert len(series) == 5
    assert series[-1][1] == 7
    assert series[-1][0] - series[0][0] == timedelta(minutes=4)
