"""What every alert sink must do, and what a consumer finds on the topic."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from contract.sinks.sink_subjects import CODE, make_alert
from fault316_schemas import StormAlert, Transition
from fault316_streams.embedded import process
from fault316_streams.settings import WorkerSettings
from fault316_streams.sinks.alerts import AlertSink, AlertTopic, rounds
from fault316_streams.sinks.memory import MemoryAlerts
from fault316_streams.topics import ensure_topics
from support import eventually


@dataclass(frozen=True)
class Subject:
    """A sink under test and what it has published."""

    sink: AlertSink
    published: Callable[[], Awaitable[list[StormAlert]]]


async def records(settings: WorkerSettings) -> list[ConsumerRecord]:
    """All that is on the alert topic, each partition in its order."""
    consumer = AIOKafkaConsumer(
        settings.topics.alerts, auto_offset_reset="earliest", **settings.kafka_options()
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        found: list[ConsumerRecord] = []
        while len(found) < sum(ends.values()):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                found += batch
        return found
    finally:
        await consumer.stop()


@pytest.fixture(params=["memory", "kafka"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """Each implementation, empty."""
    if request.param == "memory":
        memory = MemoryAlerts()

        async def kept() -> list[StormAlert]:
            return memory.sent

        yield Subject(memory, kept)
        return
    settings: WorkerSettings = request.getfixturevalue("settings")
    await ensure_topics(settings)

    async def published() -> list[StormAlert]:
        return [StormAlert.from_json(record.value) for record in await records(settings)]

    sink = AlertTopic(settings)
    yield Subject(sink, published)
    await sink.close()


async def test_what_was_sent_is_published_when_send_returns(subject: Subject) -> None:
    await subject.sink.send([make_alert()])
    assert await subject.published() == [make_alert()]


async def test_sending_nothing_publishes_nothing(subject: Subject) -> None:
    await subject.sink.send([])
    assert await subject.published() == []


async def test_a_storms_alerts_are_read_in_the_order_given(subject: Subject) -> None:
    story = [make_alert(), make_alert(Transition.ESCALATED, 2), make_alert(Transition.RESOLVED, 3)]
    others = [make_alert(storm=f"storm-{i}") for i in range(2, 20)]
    await subject.sink.send([*others[:9], *story, *others[9:]])
    published = await subject.published()
    assert [alert for alert in published if alert.storm_id == "storm-1"] == story
    assert len(published) == 21


async def test_closing_twice_is_harmless(subject: Subject) -> None:
    await subject.sink.send([make_alert()])
    await subject.sink.close()
    await subject.sink.close()


async def test_a_record_is_keyed_by_storm_and_says_what_it_is(settings: WorkerSettings) -> None:
    """So a consumer can route by headers, without parsing the value."""
    await ensure_topics(settings)
    sink = AlertTopic(settings)
    await sink.send([make_alert()])
    await sink.close()
    (record,) = await records(settings)
    assert record.key == b"storm-1"
    assert dict(record.headers) == {
        "schema": b"StormAlert/v1",
        "transition": b"opened",
        "code": CODE.encode(),
        "severity": b"P1",
    }


async def test_an_alert_waits_for_its_topic_and_says_so(settings: WorkerSettings) -> None:
    hours = count(step=3_600)  # a clock by which everything takes long
    sink = AlertTopic(settings, clock=lambda: float(next(hours)))
    assert sink.status().ready
    sending = asyncio.create_task(sink.send([make_alert()]))
    await eventually(lambda: not sink.status().ready)
    assert sink.status().detail.startswith("waiting: ")
    await ensure_topics(settings)
    await sending
    assert sink.status().ready
    await sink.close()
    assert len(await records(settings)) == 1


async def test_without_kafka_it_keeps_trying_and_says_why(settings: WorkerSettings) -> None:
    hours = count(step=3_600)
    nobody = settings.model_copy(update={"bootstrap_servers": f"127.0.0.1:{process.free_port()}"})
    sink = AlertTopic(nobody, clock=lambda: float(next(hours)))
    sending = asyncio.create_task(sink.send([make_alert()]))
    await eventually(lambda: "KafkaConnectionError" in sink.status().detail)
    assert not sending.done()
    sending.cancel()
    with suppress(asyncio.CancelledError):
        await sending
    await sink.close()


def test_a_storms_alerts_never_fly_together() -> None:
    """Were the first refused and the second taken, a consumer would read the end before the beginning."""
    a1, a2 = make_alert(storm="a"), make_alert(Transition.RESOLVED, 2, storm="a")
    b1, c1 = make_alert(storm="b"), make_alert(storm="c")
    assert list(rounds([a1, b1, a2, c1])) == [[a1, b1, c1], [a2]]
    assert list(rounds([])) == []
