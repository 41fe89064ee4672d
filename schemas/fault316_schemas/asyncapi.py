"""The AsyncAPI 3.0 document: the topics as channels, what travels on them, and who does what with it."""

from collections.abc import Mapping
from typing import Any, Final

from fault316_schemas.dead_letter import DEAD_LETTER_BYTES_MAX, ERROR_CHARS_MAX, REASONS
from fault316_schemas.event import EVENT_BYTES_MAX
from fault316_schemas.names import Topics

SPEC_VERSION: Final = "3.0.0"
KAFKA_BINDING: Final = {"bindingVersion": "0.5.0"}
DEAD_LETTER_KEY_PATTERN: Final = r"^[A-Za-z0-9._-]+:[0-9]+:[0-9]+$"

Json = dict[str, Any]


def document(examples: Mapping[str, Mapping[str, Json]]) -> Json:
    """The whole document, for the default topic prefix.

    `examples` holds the valid payloads by message (`fault-event`, `storm-alert`) and example name.
    """
    topics = Topics()
    return {
        "asyncapi": SPEC_VERSION,
        "info": {
            "title": "fault316",
            "version": "1",
            "description": "Structured 316 faults in, storm alerts out. Topic names are those of the default "
            "prefix `316.` (FAULT316_TOPIC_PREFIX).",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "events": _channel(
                topics.events, "faultEvent", "Faults as services report them.", EVENT_BYTES_MAX
            ),
            "partials": _channel(topics.partials, "partial", "Internal: counts of ranges of the log."),
            "alerts": _channel(topics.alerts, "stormAlert", "Each transition of each storm."),
            "deadLetters": _channel(topics.dead_letters, "deadLetter", "Records that did not decode."),
        },
        "operations": _operations(topics),
        "components": {"messages": _messages(examples)},
    }


def _channel(topic: str, message: str, description: str, bytes_max: int | None = None) -> Json:
    binding: Json = {"topic": topic, **KAFKA_BINDING}
    if bytes_max:
        binding["x-value-bytes-max"] = bytes_max
    return {
        "address": topic,
        "description": description,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {"kafka": binding},
    }


def _operations(topics: Topics) -> Json:
    def operation(role: str, action: str, channel: str, summary: str, group: str | None = None) -> Json:
        result: Json = {
            "action": action,
            "channel": {"$ref": f"#/channels/{channel}"},
            "summary": summary,
            "tags": [{"name": role}],
        }
        if group:
            result["bindings"] = {"kafka": {"groupId": {"type": "string", "const": group}, **KAFKA_BINDING}}
        return result

    return {
        "reportFault": operation("service", "send", "events", "A service reports what failed."),
        "readAlerts": operation("consumer", "receive", "alerts", "A consumer hears of storms."),
        "readDeadLetters": operation("operator", "receive", "deadLetters", "`fault316 dlq list` and `show`."),
        "retryDeadLetter": operation("operator", "send", "events", "`fault316 dlq retry`, after a fix."),
        "takeEvents": operation("worker", "receive", "events", "Intake reads faults.", topics.intake_group),
        "refuseEvent": operation("worker", "send", "deadLetters", "Intake puts aside what does not decode."),
        "statePartials": operation("worker", "send", "partials", "Intake states what it counted."),
        "mergePartials": operation("worker", "receive", "partials", "Detect counts.", topics.detect_group),
        "raiseAlert": operation("worker", "send", "alerts", "Detect reports a storm's transition."),
    }


def _messages(examples: Mapping[str, Mapping[str, Json]]) -> Json:
    return {
        "faultEvent": _message(
            "FaultEvent",
            {"$ref": "./json/fault-event.v1.schema.json"},
            {"type": "string", "description": "None, or the service. Any partition will do."},
            examples["fault-event"],
            summary="One fault, or `count` identical ones. CloudEvents headers are accepted and ignored.",
        ),
        "stormAlert": _message(
            "StormAlert",
            {"$ref": "./json/storm-alert.v1.schema.json"},
            {"type": "string", "description": "The storm's id, so that a storm's alerts stay in order."},
            examples["storm-alert"],
            summary="One transition of one storm; drop repeats by `alert_id`.",
        ),
        "partial": _message(
            "Partial",
            {"type": "string", "format": "binary", "description": "msgpack; may change with any release."},
            {"type": "null", "description": "None: the partition is set, by the code."},
            contentType="application/vnd.msgpack",
            summary="Internal. Do not read it: the counters in Redis are the contract.",
        ),
        "deadLetter": _message(
            "DeadLetter",
            {"type": "string", "format": "binary", "description": "The refused bytes, without secrets."},
            {"type": "string", "pattern": DEAD_LETTER_KEY_PATTERN, "description": "topic:partition:offset"},
            contentType="application/octet-stream",
            headers=_dead_letter_headers(),
            summary="A refused record. Without a value and with `retried-as`: the letter was sent again.",
        ),
    }


def _message(
    name: str, payload: Json, key: Json, examples: Mapping[str, Json] | None = None, **more: Any
) -> Json:
    message: Json = {
        "name": name,
        **more,
        "payload": payload,
        "bindings": {"kafka": {"key": key, **KAFKA_BINDING}},
    }
    if examples:
        message["examples"] = [
            {"name": name, "payload": payload} for name, payload in sorted(examples.items())
        ]
    return message


def _dead_letter_headers() -> Json:
    def text(description: str, **more: Any) -> Json:
        return {"type": "string", "description": description, **more}

    return {
        "type": "object",
        "description": "UTF-8 texts.",
        "properties": {
            "reason": text(
                "Why: " + "; ".join(f"{word}: {why}" for word, why in REASONS.items()), enum=list(REASONS)
            ),
            "error": text("One line for a person.", maxLength=ERROR_CHARS_MAX),
            "source": text("The same as the key.", pattern=DEAD_LETTER_KEY_PATTERN),
            "original-bytes": text("How long the refused value was.", pattern="^[0-9]+$"),
            "truncated": text(
                f"Whether the value was cut at {DEAD_LETTER_BYTES_MAX} bytes; default false.",
                enum=["true", "false"],
            ),
            "scrubbed": text(
                "Whether secrets in the value were replaced by `[scrubbed]`; default false.",
                enum=["true", "false"],
            ),
            "rejected-by": text("The version of fault316 that refused it."),
            "retried-as": text("On a marker only: topic:partition:offset of the record that was sent again."),
        },
    }
