"""The Kafka topics as data, and their creation. Nothing relies on a broker creating topics by itself."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code

from fault316_streams.errors import Failure
from fault316_streams.settings import WorkerSettings

MIB: Final = 1024 * 1024
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS

LEADERS_LIMIT_S: Final = 30.0
"""From the creation of a topic until each partition has a leader; well under a second as a rule."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as we need it."""

    name: str
    partitions: int
    purpose: str
    config: dict[str, str]
    exact: bool = False
    """Whether more partitions would be wrong, because producers choose the partition by the key's hash."""
    required: frozenset[str] = frozenset()
    """Settings without which the counts would be wrong, also on a topic that was there before."""


@dataclass(frozen=True, slots=True)
class TopicReport:
    """What `ensure_topics` found or did."""

    name: str
    partitions: int
    purpose: str
    created: bool


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


async def ensure_topics(settings: WorkerSettings) -> list[TopicReport]:
    """Create what is missing; check what is there. May be called by any number of workers at once.

    Raises:
        Failure: Kafka does not answer, refuses, or a topic that was there before cannot be used as it is.
    """
    specs = topic_specs(settings)
    admin = AIOKafkaAdminClient(**settings.kafka_options())
    try:
        await admin.start()
        created = await _create(admin, settings, specs)
        partitions = await _led_partitions(admin, [spec.name for spec in specs])
        old = [spec for spec in specs if spec.name not in created]
        _check_partitions(old, partitions)
        _check_config(old, await _configs(admin, old))
    except KafkaConnectionError:
        raise Failure(f"no Kafka answers at {settings.bootstrap_servers}: `fault316 up` starts one") from None
    except (KafkaError, OSError) as error:
        raise Failure(f"topics at {settings.bootstrap_servers}: {error}") from error
    finally:
        await admin.close()
    return [
        TopicReport(spec.name, partitions[spec.name], spec.purpose, spec.name in created) for spec in specs
    ]


async def _create(
    admin: AIOKafkaAdminClient, settings: WorkerSettings, specs: Iterable[TopicSpec]
) -> set[str]:
    """Create those that are missing; returns their names."""
    existing = set(await admin.list_topics())
    missing = [
        NewTopic(spec.name, spec.partitions, settings.replication_factor, topic_configs=spec.config)
        for spec in specs
        if spec.name not in existing
    ]
    if not missing:
        return set()
    answer = await admin.create_topics(missing)
    created = set()
    for name, code, *message in answer.topic_errors:
        error = for_code(code)
        if code == 0:
            created.add(name)
        elif error is not TopicAlreadyExistsError:  # another worker was faster: then it is there, and checked
            raise Failure(
                f"topic {name} could not be created: {message[0] if message and message[0] else error.__name__}"
            )
    return created


async def _led_partitions(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    """Partitions by topic, once each of them has a leader, so that the first client finds one."""
    try:
        async with asyncio.timeout(LEADERS_LIMIT_S):
            while True:
                found: list[dict[str, Any]] = await admin.describe_topics(names)
                if all(
                    topic["error_code"] == 0 and all(p["leader"] >= 0 for p in topic["partitions"])
                    for topic in found
                ):
                    return {topic["topic"]: len(topic["partitions"]) for topic in found}
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise Failure(f"topics {', '.join(names)}: no leader after {LEADERS_LIMIT_S:.0f} s") from None


def _check_partitions(specs: Iterable[TopicSpec], partitions: dict[str, int]) -> None:
    for spec in specs:
        if spec.exact and partitions[spec.name] != spec.partitions:
            raise Failure(
                f"topic {spec.name} has {partitions[spec.name]} partitions, FAULT316_PARTIALS_PARTITIONS is "
                f"{spec.partitions}: set it to {partitions[spec.name]}, or stop all workers and delete the topic"
            )


async def _configs(admin: AIOKafkaAdminClient, specs: list[TopicSpec]) -> dict[tuple[str, str], str]:
    """The required settings of topics that were there before: (topic, setting) → value."""
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, spec.name, dict.fromkeys(spec.required))
        for spec in specs
        if spec.required
    ]
    if not resources:
        return {}
    answers = await admin.describe_configs(resources)
    return {
        (topic, entry[0]): entry[1]
        for answer in answers
        for _, _, _, topic, entries in answer.resources
        for entry in entries
    }


def _check_config(specs: Iterable[TopicSpec], configs: dict[tuple[str, str], str]) -> None:
    for spec in specs:
        for setting in sorted(spec.required):
            value = configs.get((spec.name, setting))
            if value != spec.config[setting]:
                raise Failure(
                    f"topic {spec.name} has {setting}={value}, needed is {spec.config[setting]}: "
                    "change it with kafka-configs, or delete the topic"
                )
