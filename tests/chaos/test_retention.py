"""Retention deletes what no worker has read, or what the worker that reads on would read again."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from fault316_streams.settings import WorkerSettings
from support import until
from trial import Trial
from worker_process import WorkerProcess, Workers

LOST = 25
"""Records of each partition that retention overtakes."""


class Retention:
    """Another program that looks at a topic, the events' if not told otherwise, and deletes from its beginning."""

    def __init__(self, settings: WorkerSettings, partials: bool = False) -> None:
        topics = settings.topics
        self._topic = topics.partials if partials else topics.events
        self._partitions = range(settings.partials_partitions if partials else settings.events_partitions)
        self._admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers, "log_level": 0})
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "group.id": topics.detect_group if partials else topics.intake_group,
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )

    def ends(self) -> list[int]:
        """Where each partition's log ends."""
        return [self._consumer.get_watermark_offsets(at, timeout=10)[1] for at in self._at()]

    def wait_for(self, ends: list[int]) -> None:
        """Until all partitions go further than this."""
        until(lambda: all(map(int.__gt__, self.ends(), ends)))

    def committed(self) -> list[int]:
        """Where the topic's reader would go on, by partition."""
        return [found.offset for found in self._consumer.committed(self._at(), timeout=10)]

    def values(self, begins: list[int], ends: list[int]) -> Iterator[bytes]:
        """What is between these offsets."""
        for at, end in zip(self._at(begins), ends, strict=True):
            self._consumer.assign([at])
            offset = at.offset
            while offset < end:
                for record in self._consumer.consume(end - offset, timeout=10):
                    assert record.error() is None, record.error()
                    offset += 1
                    yield record.value() or b""
        self._consumer.unassign()

    def delete(self, ends: list[int]) -> None:
        """All before these offsets."""
        for deleted in self._admin.delete_records(self._at(ends)).values():
            deleted.result(10)

    def close(self) -> None:
        """Let go."""
        self._consumer.close()

    def _at(self, offsets: list[int] | None = None) -> list[TopicPartition]:
        return [TopicPartition(self._topic, p, offsets[p] if offsets else 0) for p in self._partitions]


@pytest.fixture
def retention(settings: WorkerSettings) -> Iterator[Retention]:
    """Of the test's own topic."""
    deleting = Retention(settings)
    yield deleting
    deleting.close()


def test_what_retention_took_is_reported_and_all_else_is_counted(
    settings: WorkerSettings,
    workers: Workers,
    calm: str,
    rounds: range,
    trial: Callable[..., Trial],
    retention: Retention,
) -> None:
    """More was written than was kept while no worker ran."""
    worker = workers.start(settings, "--policy", calm).ready()
    with trial(settings, "retention overtakes the intake") as run:
        for _ in rounds:
            run.counting()
            known = stopped_with_all_counted(run, worker, retention)
            gone = [end + LOST for end in known]
            retention.wait_for(gone)
            with run.flow.held():
                for value in retention.values(known, gone):
                    run.flow.forget(value)
                retention.delete(gone)
            begins = retention.committed()
            with run.injected():
                worker = workers.start(settings, "--policy", calm).ready()
            said = {(line["partition"], line["offset"], line["resume_at"]) for line in overtaken(worker)}
            assert said == set(zip(range(len(gone)), begins, gone, strict=True))
            assert worker.metric("fault316_lost_offsets_total") == sum(gone) - sum(begins)
        with run.storm():
            pass


def test_what_was_counted_and_then_deleted_is_no_loss(
    settings: WorkerSettings,
    workers: Workers,
    calm: str,
    rounds: range,
    trial: Callable[..., Trial],
    retention: Retention,
) -> None:
    """Retention reaches into the middle of the chunk that was open: the intake cannot say that one again."""
    worker = workers.start(settings, "--policy", calm).ready()
    with trial(settings, "retention inside of an open chunk") as run:
        for _ in rounds:
            run.counting(1_000)
            known = stopped_with_all_counted(run, worker, retention)
            gone = [(begin + end) // 2 for begin, end in zip(retention.committed(), known, strict=True)]
            retention.delete(gone)
            with run.injected():
                worker = workers.start(settings, "--policy", calm).ready()
                run.counting(1_000)
            assert {line["partition"] for line in overtaken(worker)} == set(range(len(gone)))
        with run.storm():
            pass


def test_partials_that_retention_took_are_reported(settings: WorkerSettings, workers: Workers) -> None:
    """More was said than was kept while no detect ran."""
    detect = workers.start(settings, "--stages", "detect")
    workers.start(settings, "--stages", "intake").ready()
    retention = Retention(settings, partials=True)
    try:
        until(lambda: all(offset > 0 for offset in retention.committed()))
        assert detect.stop() == 0
        begins = retention.committed()
        retention.wait_for([begin + 1 for begin in begins])  # there is a tick a second
        gone = retention.ends()
        retention.delete(gone)
        detect = workers.start(settings, "--stages", "detect").ready()
        until(lambda: len(overtaken(detect)) == len(gone))
        said = {(line["partition"], line["offset"], line["resume_at"]) for line in overtaken(detect)}
        assert said == set(zip(range(len(gone)), begins, gone, strict=True))
        assert detect.metric("fault316_lost_partials_total") == sum(gone) - sum(begins)
    finally:
        retention.close()


def stopped_with_all_counted(run: Trial, worker: WorkerProcess, retention: Retention) -> list[int]:
    """Stop the worker when it knows all that there is; returns where each partition ended then."""
    with run.flow.held():
        until(lambda: run.view.totals() == run.flow.produced)
        assert worker.stop() == 0
        return retention.ends()


def overtaken(worker: WorkerProcess) -> list[dict[str, Any]]:
    """The lines in which it says so."""
    lines = [json.loads(line) for line in worker.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "offset out of range"]
