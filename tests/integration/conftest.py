"""Integration tests find their topics in place."""

import pytest

from fault316_streams.settings import WorkerSettings
from fault316_streams.topics import ensure_topics


@pytest.fixture
async def topics(settings: WorkerSettings) -> WorkerSettings:
    """The test's own settings, with all topics created."""
    await ensure_topics(settings)
    return settings
