"""Feeds where members die, are slow, and servers go: Kafka and Redis. What both do alike is in the contract suite."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from fault316 import AlertFeed, Connection, RedisUnavailable, StormAlert, SyncAlertFeed
from fault316.testing import storm_alert
from fault316_streams.embedded import process, redis_server
from fault316_streams.settings import WorkerSettings
from support import eventually

SOON_S = 0.2
"""How long an entry is idle before others claim it, in these tests."""


@pytest.fixture
async def store(settings: WorkerSettings) -> AsyncIterator[Redis]:
    """A plain client, as redis-cli would be."""
    async with Redis.from_url(**settings.redis_options()) as client:
        yield client


async def put(store: Redis, settings: WorkerSettings, *ids: str) -> None:
    for alert_id in ids:
        await store.xadd(settings.keys.alerts, {"alert": storm_alert(alert_id=alert_id).to_json()})


async def take(feed: AlertFeed, n: int) -> list[str]:
    async with asyncio.timeout(30):
        return [(await anext(feed)).alert_id for _ in range(n)]


async def answers(store: Redis) -> bool:
    try:
        return bool(await store.ping())
    except RedisError:
        return False


def feed_of(settings: WorkerSettings, consumer: str | None = None, **options: Any) -> AlertFeed:
    return AlertFeed.from_redis(
        settings, group="pager", consumer=consumer, from_beginning=True, claim_after_s=SOON_S, **options
    )


async def test_without_a_group_a_feed_follows_from_now_or_reads_it_all(
    settings: WorkerSettings, store: Redis
) -> None:
    await put(store, settings, "before")
    async with AlertFeed.from_redis(settings) as now, AlertFeed.from_redis(settings) as other:
        await put(store, settings, "a1")
        assert await take(now, 1) == await take(other, 1) == ["a1"]
    async with AlertFeed.from_redis(settings, from_beginning=True) as whole:
        assert await take(whole, 2) == ["before", "a1"]


async def test_a_new_group_misses_nothing_sent_after_its_first_start(
    settings: WorkerSettings, store: Redis
) -> None:
    await put(store, settings, "before")
    async with AlertFeed.from_redis(settings, group="new"):
        pass
    await put(store, settings, "while away")
    async with AlertFeed.from_redis(settings, group="new") as feed:
        assert await take(feed, 1) == ["while away"]


async def test_members_share_the_alerts(settings: WorkerSettings, store: Redis) -> None:
    names = [f"a{n}" for n in range(20)]
    await put(store, settings, *names)
    got: list[str] = []

    async def member() -> None:
        async with feed_of(settings) as feed:
            async for alert in feed:
                got.append(alert.alert_id)
                await asyncio.sleep(0.01)

    members = [asyncio.create_task(member()) for _ in range(3)]
    await eventually(lambda: len(got) >= len(names))
    for each in members:
        each.cancel()
    await asyncio.wait(members)
    assert sorted(got) == sorted(names)


async def test_what_a_dead_member_left_is_taken_over(settings: WorkerSettings, store: Redis) -> None:
    await put(store, settings, "left", "next")
    dead = feed_of(settings, "dead")
    await dead.start()
    assert await take(dead, 1) == ["left"]
    await dead.close()  # its entry is still pending, as after a crash
    async with feed_of(settings, "heir") as heir:
        assert set(await take(heir, 2)) == {"left", "next"}
    assert (await store.xpending(settings.keys.alerts, "pager"))["pending"] == 0


async def test_a_member_that_lives_keeps_what_it_handles(settings: WorkerSettings, store: Redis) -> None:
    await put(store, settings, "slow")
    async with feed_of(settings, "slow") as slow, feed_of(settings, "eager") as eager:
        assert await take(slow, 1) == ["slow"]
        waiting = asyncio.create_task(anext(eager))
        await asyncio.sleep(5 * SOON_S)
        [pending] = await store.xpending_range(settings.keys.alerts, "pager", "-", "+", 10)
        assert pending["consumer"] == "slow"
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_what_was_trimmed_while_it_was_pending_is_let_go(
    settings: WorkerSettings, store: Redis
) -> None:
    await put(store, settings, "gone", "there")
    first = feed_of(settings, "first")
    await first.start()
    await take(first, 1)
    await first.close()
    await store.xtrim(settings.keys.alerts, maxlen=1, approximate=False)
    async with feed_of(settings, "second") as second:
        assert await take(second, 1) == ["there"]
        waiting = asyncio.create_task(anext(second))

        async def nothing_is_pending() -> bool:
            return bool((await store.xpending(settings.keys.alerts, "pager"))["pending"] == 0)

        await eventually(nothing_is_pending)
        assert not waiting.done()
        await put(store, settings, "later")
        async with asyncio.timeout(30):
            assert (await waiting).alert_id == "later"


async def test_a_stream_that_is_lost_and_begins_anew_is_followed(
    settings: WorkerSettings, store: Redis
) -> None:
    async with feed_of(settings) as feed:
        await put(store, settings, "a1")
        assert await take(feed, 1) == ["a1"]
        waiting = asyncio.create_task(anext(feed))
        await asyncio.sleep(0)
        await store.delete(settings.keys.alerts)
        await put(store, settings, "a1", "a2")  # the worker states anew what the view may not have
        async with asyncio.timeout(30):
            assert (await waiting).alert_id == "a2"


async def test_names_that_were_made_up_do_not_pile_up(settings: WorkerSettings, store: Redis) -> None:
    await put(store, settings, "a1")
    async with feed_of(settings) as feed:
        async for _ in feed:
            break
    assert await store.xinfo_consumers(settings.keys.alerts, "pager") == []


async def test_redis_away_at_the_start_says_where_and_what_to_do_and_no_password() -> None:
    connection = Connection(_env_file=None, redis_url="redis://:hush@127.0.0.1:1/3")
    with pytest.raises(RedisUnavailable, match=r"127\.0\.0\.1:1/3.*FAULT316_REDIS_URL") as caught:
        await AlertFeed.from_redis(connection, group="pager").start()
    assert "hush" not in str(caught.value)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[tuple[int, Callable[[], process.Child]]]:
    """A port, and what starts a Redis there; all are ended."""
    port = process.free_port()
    command = redis_server.prepare(tmp_path / "redis", port)
    started: list[process.Child] = []

    def start() -> process.Child:
        started.append(process.start(command, tmp_path / "log"))
        return started[-1]

    yield port, start
    for child in started:
        process.kill(child)


async def test_a_feed_waits_for_redis_and_goes_on(
    own_redis: tuple[int, Callable[[], process.Child]], caplog: pytest.LogCaptureFixture
) -> None:
    port, start = own_redis
    settings = WorkerSettings(_env_file=None, redis_url=f"redis://127.0.0.1:{port}/0")
    child = start()
    async with Redis.from_url(**settings.redis_options()) as store:
        await eventually(lambda: answers(store))
        async with feed_of(settings) as feed:
            await put(store, settings, "a1")
            assert await take(feed, 1) == ["a1"]
            waiting = asyncio.create_task(anext(feed))
            await asyncio.sleep(0)
            process.kill(child)
            await eventually(lambda: "waiting for Redis at 127.0.0.1" in caplog.text)
            assert not waiting.done()
            child = start()
            await eventually(lambda: answers(store))
            await put(store, settings, "a2")
            async with asyncio.timeout(30):
                assert (await waiting).alert_id == "a2"


async def test_a_missing_dead_letter_topic_stops_nothing(
    topics: WorkerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    from aiokafka import AIOKafkaProducer

    seen: list[str] = []

    async def handler(alert: StormAlert) -> None:
        seen.append(alert.alert_id)
        if alert.alert_id == "bad":
            raise ValueError("no such team")

    producer = AIOKafkaProducer(**topics.kafka_options())
    await producer.start()
    async with AlertFeed(topics, group=f"{topics.topic_prefix}pager") as feed:
        running = asyncio.create_task(feed.run(handler, attempts=1))
        for name in ("bad", "good"):
            await producer.send_and_wait(topics.topics.alerts, storm_alert(alert_id=name).to_json())
        await eventually(lambda: seen == ["bad", "good"], deadline_s=30)
        running.cancel()
        await asyncio.wait([running])
    await producer.stop()
    assert feed.buried == 1
    assert "alert bad" in caplog.text
    assert topics.topics.alert_dead_letters in caplog.text


@pytest.mark.parametrize("source", ["kafka", "redis"])
async def test_a_sync_feed_follows_both(source: str, topics: WorkerSettings, store: Redis) -> None:
    """In a thread here, because this test has a loop of its own."""
    from aiokafka import AIOKafkaProducer

    if source == "kafka":
        producer = AIOKafkaProducer(**topics.kafka_options())
        await producer.start()
        for name in ("a1", "a2"):
            await producer.send_and_wait(topics.topics.alerts, storm_alert(alert_id=name).to_json())
        await producer.stop()
    else:
        await put(store, topics, "a1", "a2")

    def follow() -> list[str]:
        found: list[str] = []
        made = (
            SyncAlertFeed(topics, group=f"{topics.topic_prefix}pager", from_beginning=True)
            if source == "kafka"
            else SyncAlertFeed.from_redis(topics, group="pager", from_beginning=True)
        )
        with made as feed:
            for alert in feed:
                found.append(alert.alert_id)
                if len(found) == 2:
                    break
        return found

    assert await asyncio.wait_for(asyncio.to_thread(follow), 60) == ["a1", "a2"]


async def test_the_documented_access_list_is_enough(settings: WorkerSettings, store: Redis) -> None:
    """docs/clients.md, under this test's prefix."""
    docs = (Path(__file__).parents[2] / "docs/clients.md").read_text()
    [line] = [line for line in docs.splitlines() if line.startswith("user consumer on")]
    name = settings.redis_prefix.strip(":")
    rules = line.replace("{consumer}", "secret").replace("~316:", f"~{settings.redis_prefix}").split()[2:]
    admin: Any = store
    await admin.execute_command("ACL", "SETUSER", name, *rules)
    url = settings.redis_url.get_secret_value().replace("redis://", f"redis://{name}:secret@")
    limited = settings.model_copy(update={"redis_url": type(settings.redis_url)(url)})
    try:
        await put(store, settings, "bad", "good")
        seen: list[str] = []

        async def handler(alert: StormAlert) -> None:
            seen.append(alert.alert_id)
            if alert.alert_id == "bad":
                raise ValueError("no such team")

        async with feed_of(limited) as feed:
            running = asyncio.create_task(feed.run(handler, attempts=1))
            await eventually(lambda: seen == ["bad", "good"])
            running.cancel()
            await asyncio.wait([running])
        assert await store.xlen(settings.keys.alert_dead_letters) == 1
        assert await store.ttl(settings.keys.alert_dead_letters) > 0
        async with AlertFeed.from_redis(limited, from_beginning=True) as whole:
            assert await take(whole, 2) == ["bad", "good"]
    finally:
        await admin.execute_command("ACL", "DELUSER", name)
