"""`Counters` and `AsyncCounters` read what DESIGN documents, from a real Redis, in the same way."""

import inspect
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from fault316 import AsyncCounters, Connection, Counters, CountersUnavailable, Severity, State, StormAlert
from fault316.redis_client import sync_client
from fault316_streams.settings import WorkerSettings

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ALERT: dict[str, Any] = {
    "alert_id": "a1", "storm_id": "s1", "transition": "opened", "reason": "above_baseline", "code": "316-A",
    "title": "A", "severity": "P1", "layer": "data", "started_at": "2026-03-01T12:00:00Z",
    "at": "2026-03-01T12:00:05Z", "window_s": 10, "observed_per_s": 5, "baseline_per_s": 1, "factor": 5,
    "score": 12, "events": 50, "peak_per_s": 6, "users": 3, "runbook": "look", "summary": "A storms.",
}  # fmt: skip


class Ask:
    """Calls a method of either client by name, so that one suite serves both."""

    def __init__(self, client: Counters | AsyncCounters) -> None:
        self.client = client

    async def __call__(self, method: str, *args: Any, **kwargs: Any) -> Any:
        answer = getattr(self.client, method)(*args, **kwargs)
        return await answer if inspect.isawaitable(answer) else answer


@pytest.fixture
def settings(every_redis: WorkerSettings) -> WorkerSettings:
    """On each kind of Redis."""
    return every_redis


@pytest.fixture(params=[Counters, AsyncCounters])
async def ask(request: pytest.FixtureRequest, settings: WorkerSettings) -> AsyncIterator[Ask]:
    client: Counters | AsyncCounters = request.param(settings)
    yield Ask(client)
    await Ask(client)("close")


@pytest.fixture
def store(settings: WorkerSettings) -> Iterator[redis.Redis]:
    """A plain Redis client, as the worker's sink or redis-cli would use it."""
    with closing(sync_client(settings, retries=0)) as client:
        yield client


def storm(storm_id: str, **changes: Any) -> str:
    return StormAlert.model_validate(ALERT | {"storm_id": storm_id} | changes).to_json().decode()


async def test_a_counter_reads_as_it_was_written(
    ask: Ask, store: redis.Redis, settings: WorkerSettings
) -> None:
    store.hset(
        settings.keys.counter("316-A"),
        mapping={
            "total": 7, "P0": 1, "P1": 6, "P2": 0, "P3": 0, "late": 2, "skewed": 1,
            "first_seen": NOON.timestamp(), "last_seen": NOON.timestamp() + 60,
        },
    )  # fmt: skip
    counter = await ask("get", "316-A")
    assert (counter.total, counter.late, counter.skewed) == (7, 2, 1)
    assert counter.by_severity[Severity.P1] == 6
    assert (counter.first_seen, counter.last_seen) == (NOON, NOON + timedelta(minutes=1))


async def test_an_unknown_code_is_none(ask: Ask) -> None:
    assert await ask("get", "316-NEVER") is None
    assert await ask("rates", "316-NEVER") is None
    assert await ask("storm", "never") is None
    assert await ask("get_many") == []
    assert await ask("top") == []
    assert await ask("active_storms") == []


async def test_codes_come_with_the_one_seen_last_first(
    ask: Ask, store: redis.Redis, settings: WorkerSettings
) -> None:
    store.zadd(settings.keys.codes, {"316-OLD": 1, "316-NEW": 3, "316-MID": 2})
    assert await ask("codes") == ["316-NEW", "316-MID", "316-OLD"]


async def test_top_gives_the_highest_rates_of_the_window(
    ask: Ask, store: redis.Redis, settings: WorkerSettings
) -> None:
    for code, short, long in (("316-A", 9, 1), ("316-B", 2, 3), ("316-C", 1, 2)):
        store.zadd(settings.keys.codes, {code: 1})
        store.hset(
            settings.keys.rate(code), mapping={"10s": short, "1m": long, "baseline": 0.5, "state": "storm"}
        )
    assert [item.code for item in await ask("top", 2, window="1m")] == ["316-B", "316-C"]
    [first] = await ask("top", 1, window="10s")
    assert (first.code, first.per_s["10s"], first.baseline, first.state) == ("316-A", 9.0, 0.5, State.STORM)


async def test_active_storms_leave_out_what_is_over_or_forgotten(
    ask: Ask, store: redis.Redis, settings: WorkerSettings
) -> None:
    store.zadd(settings.keys.storms, {"over": 1, "on": 3, "forgotten": 2, "older": 2})
    store.set(settings.keys.storm("on"), storm("on"))
    store.set(settings.keys.storm("older"), storm("older", transition="escalated"))
    store.set(settings.keys.storm("over"), storm("over", transition="resolved"))
    assert [alert.storm_id for alert in await ask("active_storms")] == ["older", "on"]
    assert (await ask("storm", "over")).transition == "resolved"


async def test_a_storm_that_cannot_be_read_does_not_hide_the_others(
    ask: Ask, store: redis.Redis, settings: WorkerSettings
) -> None:
    store.zadd(settings.keys.storms, {"newer": 1, "on": 2})
    store.set(settings.keys.storm("newer"), '{"version": 2}')
    store.set(settings.keys.storm("on"), storm("on"))
    assert [alert.storm_id for alert in await ask("active_storms")] == ["on"]


async def test_a_series_spans_hours_and_fills_gaps(
    ask: Ask, store: redis.Redis, settings: WorkerSettings
) -> None:
    store.hset(settings.keys.series("316-A", "2026030111"), mapping={"59": 4})
    store.hset(settings.keys.series("316-A", "2026030112"), mapping={"1": 6})
    series = await ask("series", "316-A", NOON - timedelta(minutes=1), NOON + timedelta(minutes=1))
    assert [events for _, events in series] == [4, 0, 6]
    assert series[0][0] == NOON - timedelta(minutes=1)


@pytest.mark.parametrize("client", [Counters, AsyncCounters])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://:hush@127.0.0.1:1/3", "Redis at 127.0.0.1:1/3"),
        ("redis+cluster://:hush@127.0.0.1:1,127.0.0.1:2", "Redis Cluster at 127.0.0.1:1,127.0.0.1:2"),
        (
            "redis+sentinel://:hush@127.0.0.1:1/mymaster?sentinel_password=hush",
            "Redis master 'mymaster' of the Sentinels at 127.0.0.1:1",
        ),
    ],
)
async def test_redis_away_says_where_and_what_to_do_and_no_password(
    client: type[Counters] | type[AsyncCounters], url: str, said: str
) -> None:
    connection = Connection(_env_file=None, redis_url=url)
    with pytest.raises(CountersUnavailable, match=f"{re.escape(said)}.*FAULT316_REDIS_URL") as caught:
        await Ask(client(connection))("get", "316-A")
    assert "hush" not in str(caught.value)


async def test_a_key_of_the_wrong_type_is_an_error_not_a_wrong_number(
    ask: Ask, store: redis.Redis, settings: WorkerSettings
) -> None:
    store.set(settings.keys.counter("316-A"), "5")
    with pytest.raises(CountersUnavailable, match="WRONGTYPE"):
        await ask("get", "316-A")
