"""The sinks over memory and over the real servers."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from contract.sinks.sink_subjects import Subject, memory_held, redis_held
from fault316_streams.settings import WorkerSettings
from fault316_streams.sinks.memory import MemoryView
from fault316_streams.sinks.redis_view import RedisView


@pytest.fixture
async def redis(settings: WorkerSettings) -> AsyncIterator["Redis"]:
    """A client to look at what the view wrote, as another program would."""
    client = Redis.from_url(**settings.redis_options())
    yield client
    await client.aclose()


@pytest.fixture(params=["memory", "redis"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """Each implementation, empty."""
    if request.param == "memory":
        view = MemoryView()
        yield Subject(view, memory_held(view))
        return
    settings: WorkerSettings = request.getfixturevalue("settings")
    client: Redis = Redis.from_url(**settings.redis_options())
    held = redis_held(client, settings.keys)
    sink = RedisView.connect(settings)
    yield Subject(sink, held)
    await sink.close()
    await held.lose()
    await client.aclose()
