"""The sinks over memory and over the real servers."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from contract.sinks.sink_subjects import Subject, memory_held, redis_held
from fault316.redis_client import aclose, async_client
from fault316_streams.settings import WorkerSettings
from fault316_streams.sinks.memory import MemoryView
from fault316_streams.sinks.redis_view import RedisView
from topologies import TOPOLOGIES, settings_on


@pytest.fixture
async def redis(settings: WorkerSettings) -> AsyncIterator["Redis"]:
    """A client to look at what the view wrote."""
    client = async_client(settings, retries=0)
    yield client
    await aclose(client)


@pytest.fixture(params=["memory", *TOPOLOGIES])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """Each implementation, empty."""
    if request.param == "memory":
        view = MemoryView()
        yield Subject(view, memory_held(view))
        return
    settings = settings_on(request.param, request)
    client = async_client(settings, retries=0)
    held = redis_held(client, settings.keys)
    sink = RedisView.connect(settings)
    yield Subject(sink, held)
    await sink.close()
    await held.lose()
    await aclose(client)
