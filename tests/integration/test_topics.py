"""Topics are created once, as specified, and a topic that cannot be used as it is is refused."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from fault316_streams.errors import Misuse
from fault316_streams.settings import WorkerSettings
from fault316_streams.topics import ensure_topics
from support import eventually


async def create(settings: WorkerSettings, name: str, partitions: int) -> None:
    """A topic as somebody else would have made it."""
    admin = AIOKafkaAdminClient(**settings.kafka_options())
    await admin.start()

    async def listed() -> bool:
        return name in await admin.list_topics()

    try:
        await admin.create_topics([NewTopic(name, partitions, 1)])
        await eventually(listed)
    finally:
        await admin.close()


async def test_topics_are_created_once(settings: WorkerSettings) -> None:
    first, second = await ensure_topics(settings), await ensure_topics(settings)
    assert all(report.created for report in first)
    assert not any(report.created for report in second)
    assert [report.partitions for report in second] == [4, 4, 4, 1, 1]


async def test_workers_that_start_at_once_agree(settings: WorkerSettings) -> None:
    """Each topic is created by exactly one of them, and none fails."""
    reports = await asyncio.gather(*(ensure_topics(settings) for _ in range(4)))
    for same_topic in zip(*reports, strict=True):
        assert sum(report.created for report in same_topic) == 1


async def test_another_number_of_partials_partitions_is_refused(settings: WorkerSettings) -> None:
    """Codes would move to other partitions than their state."""
    await create(settings, settings.topics.partials, 3)
    with pytest.raises(
        Misuse, match=r"partials has 3 partitions, FAULT316_PARTIALS_PARTITIONS is 4: set it to 3"
    ):
        await ensure_topics(settings)
    fitting = settings.model_copy(update={"partials_partitions": 3})
    assert all(report.created for report in await ensure_topics(fitting) if "partials" not in report.name)


async def test_an_events_topic_with_the_producers_clock_is_refused(settings: WorkerSettings) -> None:
    await create(settings, settings.topics.events, 4)
    with pytest.raises(
        Misuse, match=r"events has message.timestamp.type=CreateTime, needed is LogAppendTime"
    ):
        await ensure_topics(settings)


def test_the_command_shows_what_it_did(settings: WorkerSettings, tmp_path: Path) -> None:
    environment = os.environ | {
        "FAULT316_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "FAULT316_TOPIC_PREFIX": settings.topic_prefix,
    }
    done = subprocess.run(
        [Path(sys.executable).with_name("fault316"), "topics", "--json"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        check=True,
        timeout=60,
    )
    rows = json.loads(done.stdout)
    assert rows[0]["name"] == settings.topics.events
    assert all(row["created"] for row in rows)
