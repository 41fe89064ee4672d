"""Creating and checking the Kafka topics. Nothing relies on a broker creating topics by itself."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.conn import create_conn
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)

from fault316_schemas.refusal import why_refused
from fault316_streams.errors import Failure, Misuse
from fault316_streams.settings import WorkerSettings
from fault316_streams.topic_specs import TopicSpec, topic_specs

LEADERS_LIMIT_S: Final = 30.0
"""From the creation of a topic until each partition has a leader; well under a second as a rule."""


@dataclass(frozen=True, slots=True)
class TopicReport:
    """What `ensure_topics` found or did."""

    name: str
    partitions: int
    purpose: str
    created: bool


async def ensure_topics(
    settings: WorkerSettings, groups: Iterable[str] = (), *, consumers: bool = False
) -> list[TopicReport]:
    """Create what is missing; check what is there. May be called by any number of workers at once.

    `groups`: consumer groups that the caller will join, and must be allowed to; `consumers`: also the topics that
    only consumers use.

    Raises:
        Failure: Kafka does not answer or refuses (its cause is then the error).
        Misuse: a topic that was there before cannot be used as it is; no restart changes that.
    """
    specs = [spec for spec in topic_specs(settings) if consumers or not spec.consumers_only]
    admin = AIOKafkaAdminClient(**settings.kafka_options())
    try:
        await admin.start()
        # First of all, or what is missing would be created with a number that does not fit what is there.
        await _check_existing(admin, settings, specs)
        created = await _create(admin, settings, specs)
        partitions = await _led_partitions(admin, [spec.name for spec in specs])
        old = [spec for spec in specs if spec.name not in created]
        _check_partitions(old, partitions, settings.redis_prefix)
        _check_config(old, await _configs(admin, old))
        await _check_groups(admin, groups)
    except KafkaConnectionError as error:
        refusal = await why_refused(settings, create_conn)
        raise Failure(
            f"Kafka at {settings.bootstrap_servers}: {refusal}"
            if refusal
            else f"no Kafka answers at {settings.bootstrap_servers}: `fault316 up` starts one"
        ) from error
    except (KafkaError, OSError) as error:
        raise Failure(f"topics at {settings.bootstrap_servers}: {error}") from error
    finally:
        await admin.close()
    return [
        TopicReport(spec.name, partitions[spec.name], spec.purpose, spec.name in created) for spec in specs
    ]


async def _check_existing(
    admin: AIOKafkaAdminClient, settings: WorkerSettings, specs: Iterable[TopicSpec]
) -> None:
    existing = set(await admin.list_topics())
    if old := [spec for spec in specs if spec.name in existing]:
        partitions = await _led_partitions(admin, [spec.name for spec in old])
        _check_partitions(old, partitions, settings.redis_prefix)


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
        elif error is TopicAuthorizationFailedError:
            raise Failure(
                f"topic {name} is not there, or hidden from this user, who may not create it: "
                "see docs/security.md for the access list"
            )
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
    except TimeoutError as error:
        raise Failure(f"topics {', '.join(names)}: no leader after {LEADERS_LIMIT_S:.0f} s") from error


async def _check_groups(admin: AIOKafkaAdminClient, groups: Iterable[str]) -> None:
    """A consumer that may not join its group waits without a word, so it is asked before."""
    for group in groups:
        try:
            await admin.find_coordinator(group)
        except GroupAuthorizationFailedError:
            raise Failure(
                f"group {group} may not be read by this user: see docs/security.md for the access list"
            ) from None
        except KafkaError:
            continue  # no coordinator yet, on a new cluster


def _check_partitions(specs: list[TopicSpec], partitions: dict[str, int], prefix: str) -> None:
    for spec in specs:
        if spec.exact and partitions[spec.name] != spec.partitions:
            names = " and ".join(spec.name for spec in specs if spec.exact)
            raise Misuse(
                f"topic {spec.name} has {partitions[spec.name]} partitions, FAULT316_PARTIALS_PARTITIONS is "
                f"{spec.partitions}: set it to {partitions[spec.name]}; or, to begin all counts anew with "
                f"{spec.partitions}, stop all workers, delete the topics {names} "
                f"and the Redis keys *{prefix}*, and start again"
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
    for code, _, _, topic, _ in (resource for answer in answers for resource in answer.resources):
        if code:
            raise Failure(
                f"the settings of topic {topic} cannot be read ({for_code(code).__name__}): "
                "see docs/security.md for the access list"
            )
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
                raise Misuse(
                    f"topic {spec.name} has {setting}={value}, needed is {spec.config[setting]}: "
                    "change it with kafka-configs, or delete the topic"
                )
