"""The changelog of the states is compacted to the end: old values and tombstones are gone, then all starts again."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.cimpl import NewTopic

from event_flow import CALM
from fault316_streams.settings import WorkerSettings
from support import until
from trial import Trial
from worker_process import Workers

EAGER = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
    "min.compaction.lag.ms": "0",
    "delete.retention.ms": "0",
}
"""A topic that is compacted whenever the cleaner looks."""
CLEANER_PAUSE_MS = "300"
"""Between two of its looks; 15 s by default."""
ROLL = b"roll"
"""Key of a record that no worker reads as its own: Kafka compacts only what is before the last segment, and begins
a new one only when something comes."""


class Changelog:
    """The topic, made before any worker came, by an operator who likes it small."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._topic = f"{settings.topics.detect_group}-codes-changelog"
        self._partitions = range(settings.partials_partitions)
        self._servers = {"bootstrap.servers": settings.bootstrap_servers}
        admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers, "log_level": 0})
        pause = ConfigEntry(
            "log.cleaner.backoff.ms", CLEANER_PAUSE_MS, incremental_operation=AlterConfigOpType.SET
        )
        broker = ConfigResource("broker", "1", incremental_configs=[pause])
        admin.incremental_alter_configs([broker])[broker].result(10)
        topic = NewTopic(self._topic, len(self._partitions), 1, config=EAGER)
        admin.create_topics([topic])[self._topic].result(10)

    def roll(self) -> None:
        """Begin a new segment in each partition."""
        producer = Producer(self._servers | {"log_level": 0})
        for partition in self._partitions:
            producer.produce(self._topic, b"", ROLL, partition)
        assert producer.flush(10) == 0

    def records(self) -> list[Any]:
        """All that is still there."""
        reader = {
            "group.id": "unused",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "log_level": 0,
        }
        consumer = Consumer(self._servers | reader)
        consumer.assign([TopicPartition(self._topic, p, OFFSET_BEGINNING) for p in self._partitions])
        found, ends = [], 0
        while ends < len(self._partitions):
            for record in consumer.consume(1_000, timeout=1):
                if (error := record.error()) is None:
                    found.append(record)
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    ends += 1
        consumer.close()
        return [record for record in found if record.key() != ROLL]

    def writers(self) -> dict[str, set[str]]:
        """Code → who has an entry of it that is not deleted."""
        newest = {record.key(): record.value() for record in self.records()}
        writers: dict[str, set[str]] = {}
        for _, code, writer in (key.decode().split(":") for key, value in newest.items() if value):
            writers.setdefault(code, set()).add(writer)
        return writers

    def superseded(self, before: dict[str, set[str]]) -> bool:
        """Whether others have written all codes that flow, and deleted the entries of before."""
        now = self.writers()
        return all(len(now[code]) == 1 and not now[code] & before[code] for code in CALM)

    def is_compact(self) -> bool:
        """Whether each key has one value, and no tombstone is left."""
        self.roll()
        records = self.records()
        keys = Counter(record.key() for record in records)
        assert max(keys.values()) == 1, keys.most_common(1)
        assert all(record.value() for record in records), "a tombstone"
        return True


def test_states_are_whole_when_their_changelog_was_compacted_to_the_end(
    fragile: WorkerSettings, workers: Workers, calm: str, rounds: range, trial: Callable[..., Trial]
) -> None:
    """Several writers' entries, the superseded ones deleted; a storm that is on meanwhile ends under its id."""
    changelog = Changelog(fragile)
    worker = workers.start(fragile, "--policy", calm).ready()
    with trial(fragile, "changelog compacted to the end") as run:
        for _ in rounds:
            run.counting()
            with run.storm():
                until(lambda: set(CALM) <= set(changelog.writers()))
                before = changelog.writers()
                worker.kill()
                worker = workers.start(fragile, "--policy", calm).ready()
                until(partial(changelog.superseded, before))
                assert worker.stop() == 0
                with run.injected():
                    until(changelog.is_compact, deadline_s=60, every_s=0.5)
                    worker = workers.start(fragile, "--policy", calm).ready()
        with run.storm():
            pass
    assert worker.stop() == 0
