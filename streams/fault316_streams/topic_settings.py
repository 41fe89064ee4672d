"""The settings of topics that were there before: those that counting relies on are as they must be, or are made so."""

from collections.abc import Sequence
from typing import Any, Final

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from fault316_streams.errors import Failure, Misuse
from fault316_streams.topic_specs import TopicSpec

OF_THE_TOPIC: Final = 1
"""Kafka's number for a value that was set for this topic, rather than a default."""

log = structlog.get_logger("fault316.topics")


async def check_settings(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> None:
    """See to it that what is required is set.

    Raises:
        Failure: the settings may not be read.
        Misuse: one is otherwise, and may not be put right by us.
    """
    found = await _required(admin, specs)
    for spec in specs:
        for setting in sorted(spec.required):
            value, needed = found.get((spec.name, setting)), spec.config[setting]
            if value == needed:
                continue
            if setting not in spec.mended or not await _set(admin, spec.name, setting, needed):
                raise Misuse(
                    f"topic {spec.name} has {setting}={value}, needed is {needed}: "
                    "change it with kafka-configs, or delete the topic"
                )
            log.info("topic setting put right", topic=spec.name, setting=setting, was=value, now=needed)


async def _required(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> dict[tuple[str, str], str]:
    """(topic, setting) → value."""
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, spec.name, dict.fromkeys(spec.required))
        for spec in specs
        if spec.required
    ]
    entries = await _described(admin, resources) if resources else {}
    return {(topic, entry[0]): entry[1] for topic, its in entries.items() for entry in its}


async def _set(admin: AIOKafkaAdminClient, topic: str, setting: str, value: str) -> bool:
    """Set one; False if we may not. Kafka is told of all that are set, because it would forget the others."""
    whole = await _described(admin, [ConfigResource(ConfigResourceType.TOPIC, topic)])
    set_before = {entry[0]: entry[1] for entry in whole[topic] if entry[3] == OF_THE_TOPIC}
    wanted = ConfigResource(ConfigResourceType.TOPIC, topic, set_before | {setting: value})
    answers = await admin.alter_configs([wanted])
    return not any(code for answer in answers for code, *_ in answer.resources)


async def _described(
    admin: AIOKafkaAdminClient, resources: Sequence[ConfigResource]
) -> dict[str, list[tuple[Any, ...]]]:
    """Topic → its settings, as Kafka describes them: name, value, whether it is read-only, where it comes from, …"""
    answers = await admin.describe_configs(resources)
    described = {}
    for code, _, _, topic, entries in (resource for answer in answers for resource in answer.resources):
        if code:
            raise Failure(
                f"the settings of topic {topic} cannot be read ({for_code(code).__name__}): "
                "see docs/security.md for the access list"
            )
        described[topic] = entries
    return described
