"""What only Redis can show, also a cluster and one behind Sentinels: lifetimes, forgotten scripts, another writer,
outages.
"""

import pytest
from redis.asyncio import Redis

from contract.sinks.sink_subjects import CODE, T0, make_alert, make_view, redis_held
from fault316_schemas import Transition
from fault316_streams.embedded import process
from fault316_streams.settings import WorkerSettings
from fault316_streams.sinks import layout
from fault316_streams.sinks.redis_view import RedisView
from fault316_streams.sinks.view import SinkUnavailable

EVERYTHING = (
    [make_view(series={int(T0) // 60: 1}, active_storm=("storm-1", T0), ended_storms=("storm-0",))],
    [make_alert(), make_alert(Transition.RESOLVED, at_s=5, storm="storm-0")],
    {0, 1},
)


@pytest.fixture
def settings(every_redis: WorkerSettings) -> WorkerSettings:
    """On each kind of Redis."""
    return every_redis


async def ttls(redis: "Redis", prefix: str) -> dict[str, int]:
    """Key → TTL (s); -1 where it has none."""
    keys = [key async for key in redis.scan_iter(f"*{prefix}*")]
    return {key: await redis.ttl(key) for key in keys}


async def test_every_key_has_its_ttl(settings: WorkerSettings, redis: "Redis") -> None:
    view = RedisView.connect(settings)
    await view.write(*EVERYTHING)
    await view.close()
    keys = settings.keys
    expected = {
        keys.codes: layout.COUNTER_TTL_S,
        keys.counter(CODE): layout.COUNTER_TTL_S,
        keys.rate(CODE): layout.RATE_TTL_S,
        keys.series(CODE, "2026010100"): layout.SERIES_TTL_S,
        keys.storms: layout.STORM_TTL_S,
        layout.guard_key(keys.storms, "ended"): layout.STORM_TTL_S,
        keys.storm("storm-0"): layout.STORM_TTL_S,
        keys.storm("storm-1"): layout.STORM_TTL_S,
        layout.guard_key(keys.storm("storm-0"), "order"): layout.STORM_TTL_S,
        layout.guard_key(keys.storm("storm-1"), "order"): layout.STORM_TTL_S,
        keys.alerts: layout.ALERTS_TTL_S,
        layout.guard_key(keys.alerts, "seen"): layout.ALERTS_TTL_S,
        layout.view_key(keys, 0): layout.VIEW_TTL_S,
        layout.view_key(keys, 1): layout.VIEW_TTL_S,
    }
    found = await ttls(redis, keys.prefix)
    assert found.keys() == expected.keys()
    assert {key: ttl for key, ttl in expected.items() if not ttl - 60 <= found[key] <= ttl} == {}


async def test_a_write_renews_the_ttl(settings: WorkerSettings, redis: "Redis") -> None:
    view = RedisView.connect(settings)
    await view.write(*EVERYTHING)
    for key in await ttls(redis, settings.keys.prefix):
        await redis.expire(key, 100)
    await view.write(*EVERYTHING)
    await view.close()
    renewed = await ttls(redis, settings.keys.prefix)
    assert [key for key, ttl in renewed.items() if ttl <= 100] == []


async def test_forgotten_scripts_are_sent_again(settings: WorkerSettings, redis: "Redis") -> None:
    """SCRIPT FLUSH, a restart and a fail-over all look like this."""
    view = RedisView.connect(settings)
    await view.write(*EVERYTHING)
    await redis.script_flush()
    assert await view.write([make_view(version=2, total=20)], [make_alert(at_s=9)], {0, 1}) == set()
    await view.close()
    held = redis_held(redis, settings.keys)
    assert (await held.counter(CODE))["total"] == "20"
    assert len(await held.alerts()) == 3


async def test_a_partition_that_another_writer_wrote_is_reported(settings: WorkerSettings) -> None:
    """After a rebalance the new owner states all it knows: the old one may have died before it did."""
    before, after = RedisView.connect(settings), RedisView.connect(settings)
    assert await before.write([], [], {0, 1}) == {0, 1}
    assert await after.write([], [], {1}) == {1}
    assert await after.write([], [], {1}) == set()
    assert await before.write([], [], {0}) == set()
    await before.close()
    await after.close()


async def test_after_a_failed_write_everything_is_reported(settings: WorkerSettings, redis: "Redis") -> None:
    """What had been acknowledged may be lost with the server that acknowledged it."""
    view = RedisView.connect(settings)
    assert await view.write([], [], {0, 1}) == {0, 1}
    await redis.set(settings.keys.counter(CODE), "somebody else's")
    with pytest.raises(SinkUnavailable, match="WRONGTYPE"):
        await view.write([make_view(), make_view(code="316-OP-FAIL")], [], {0, 1})
    await redis.delete(settings.keys.counter(CODE))
    assert await view.write([make_view()], [], {0, 1}) == {0, 1}
    await view.close()


async def test_one_code_that_cannot_be_written_does_not_hold_up_the_others(
    settings: WorkerSettings, redis: "Redis"
) -> None:
    view = RedisView.connect(settings)
    await redis.set(settings.keys.counter(CODE), "somebody else's")
    with pytest.raises(SinkUnavailable):
        await view.write([make_view(), make_view(code="316-OP-FAIL")], [], {0})
    await view.close()
    assert (await redis_held(redis, settings.keys).counter("316-OP-FAIL"))["total"] == "10"


async def test_a_redis_that_is_not_there_is_one_error_of_one_line(settings: WorkerSettings) -> None:
    nobody = f"redis://127.0.0.1:{process.free_port()}/0"
    view = RedisView.connect(settings.model_copy(update={"redis_url": type(settings.redis_url)(nobody)}))
    with pytest.raises(SinkUnavailable, match=r"^ConnectionError: [^\n]+$"):
        await view.write([make_view()], [], {0})
    await view.close()


async def test_codes_silent_for_a_month_leave_the_list(settings: WorkerSettings, redis: "Redis") -> None:
    view = RedisView.connect(settings)
    await view.write([make_view(code="316-OLD", last_seen_s=T0)], [], {0})
    await view.write([make_view(last_seen_s=T0 + layout.COUNTER_TTL_S + 1)], [], {0})
    await view.close()
    assert list(await redis_held(redis, settings.keys).codes()) == [CODE]


async def test_a_late_event_does_not_turn_back_when_a_code_was_last_seen(
    settings: WorkerSettings, redis: "Redis"
) -> None:
    view = RedisView.connect(settings)
    await view.write([make_view(version=2, last_seen_s=T0 + 9)], [], {0})
    await view.write([make_view(version=1, last_seen_s=T0 + 5)], [], {0})
    await view.close()
    assert await redis_held(redis, settings.keys).codes() == {CODE: T0 + 9}


async def test_the_stream_and_its_guards_are_bounded(
    settings: WorkerSettings, redis: "Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    """`MAXLEN ~` leaves up to one node (100 entries by default) more than it says."""
    monkeypatch.setattr(layout, "ALERTS_MAX", 100)
    monkeypatch.setattr(layout, "ALERTS_SEEN_MAX", 150)
    monkeypatch.setattr(layout, "STORMS_ENDED_MAX", 20)
    view = RedisView.connect(settings)
    await view.write([], [make_alert(Transition.RESOLVED, storm=f"storm-{i:03}") for i in range(500)], {0})
    await view.close()
    keys = settings.keys
    assert 100 <= await redis.xlen(keys.alerts) <= 200
    assert await redis.zcard(layout.guard_key(keys.alerts, "seen")) == 150
    assert await redis.zcard(layout.guard_key(keys.storms, "ended")) == 20
