"""The Kafka topics as data."""

from dataclasses import dataclass
from typing import Final

from fault316_streams.settings import WorkerSettings

MIB: Final = 1024 * 1024
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as we need it."""

    name: str
    partitions: int
    purpose: str
    config: dict[str, str]
    exact: bool = False
    """Whether more partitions would be wrong, because producers choose the partition by the key's hash."""
    consumers_only: bool = False
    """Whether no worker writes or reads it: workers neither make it nor need rights on it."""
    required: frozenset[str] = frozenset()
    """Settings without which the counts would be wrong, also on a topic that was there before."""


def topic_specs(settings: WorkerSettings) -> tuple[TopicSpec, ...]:
    """All topics of one prefix, in the order of the data's way."""
    topics = settings.topics
    return (
        TopicSpec(
            topics.events,
            settings.events_partitions,
            "fault events as JSON",
            {
                # The broker's time is what lateness is measured against.
                "message.timestamp.type": "LogAppendTime",
                "max.message.bytes": str(4 * MIB),
                "retention.ms": str(7 * DAY_MS),
            },
            required=frozenset({"message.timestamp.type"}),
        ),
        TopicSpec(
            topics.partials,
            settings.partials_partitions,
            "internal: combined counts",
            # Read within seconds, and again by at most some minutes after a crash. A snapshot may carry every
            # code of a chunk with its sketches, hence the size; small segments so that retention can bite.
            {
                "max.message.bytes": str(8 * MIB),
                "retention.ms": str(6 * HOUR_MS),
                "segment.bytes": str(128 * MIB),
            },
            exact=True,
        ),
        TopicSpec(
            f"{topics.detect_group}-codes-changelog",
            settings.partials_partitions,
            "internal: state of each code",
            # Recovery reads it from the start: small segments let compaction keep it short.
            {
                "cleanup.policy": "compact",
                "max.message.bytes": str(4 * MIB),
                "segment.bytes": str(64 * MIB),
            },
            exact=True,
            required=frozenset({"cleanup.policy"}),
        ),
        TopicSpec(topics.alerts, 1, "storm alerts as JSON", {"retention.ms": str(30 * DAY_MS)}),
        TopicSpec(
            topics.alert_dead_letters,
            1,
            "alerts that no handler took",
            {"retention.ms": str(30 * DAY_MS)},
            consumers_only=True,
        ),
        TopicSpec(
            topics.dead_letters,
            1,
            "events that did not decode",
            # Compacted by `topic:partition:offset`, so that one written twice is kept once.
            {
                "cleanup.policy": "compact,delete",
                "max.message.bytes": str(4 * MIB),
                "retention.ms": str(14 * DAY_MS),
            },
        ),
    )
