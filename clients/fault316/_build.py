"""From what a service says about a fault to the `FaultEvent` that is sent."""

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypedDict

from fault316._exception import describe
from fault316._text import attributes, name, text
from fault316_schemas import FaultEvent, FaultException, Layer, Resources, Severity, Trigger


class Details(TypedDict, total=False):
    """What `report` takes beside the code. Texts that are too long are cut, never refused."""

    message: str | None
    exception: BaseException | None
    """Gives `exception` {type, message, stacktrace, fingerprint}, and `message` where that is not given."""
    severity: Severity | str | None
    """P0 (worst) to P3; by default what the registry of codes says."""
    count: int
    """Identical faults that this event stands for, at least 1."""
    occurred_at: datetime | None
    """Aware; by default now."""
    layer: Layer | str | None
    trigger: Trigger | str | None
    component: str | None
    endpoint: str | None
    user_id: str | int | None
    request_id: str | None
    trace_id: str | None
    span_id: str | None
    duration_ms: float | None
    resources: Resources | None
    attributes: Mapping[str, str | int | float | bool | None] | None
    """At most 32, scalars."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who reports: the fields that are the same in every event of a process."""

    service: str
    host: str
    version: str | None = None
    environment: str | None = None
    component: str | None = None


_NAMES = ("component", "endpoint", "user_id", "request_id", "trace_id", "span_id")
_PLAIN = ("severity", "count", "layer", "trigger", "duration_ms", "resources")


def build(
    identity: Identity, code: str, details: Details, described: FaultException | None = None
) -> FaultEvent:
    """Make the event, without the secrets that its texts and attributes hold (see `fault316_schemas.scrub`).

    Args:
        described: the exception, where it was taken down before; else `details["exception"]` is.

    Raises:
        TypeError: a detail that there is not.
        pydantic.ValidationError: `code`, `count`, `severity`, `attributes` … are not as the contract says.
    """
    given = {key: value for key, value in details.items() if value is not None}
    if unknown := given.keys() - Details.__annotations__.keys():
        raise TypeError(f"report() has no argument {min(unknown)!r}")
    exception = details.get("exception")
    if described is None and exception is not None:
        described = describe(exception)
    message = details.get("message") or (described.message if described else None)
    extra = details.get("attributes")
    fields = {key: given[key] for key in _PLAIN if key in given}
    fields |= {key: name(given[key]) for key in _NAMES if key in given}
    return FaultEvent.model_validate(
        {
            "id": str(uuid.uuid4()),
            "code": code,
            "service": identity.service,
            "version": identity.version,
            "environment": identity.environment,
            "component": identity.component,
            "host": identity.host,
            "pid": os.getpid(),  # asked each time: the process may have forked
            "occurred_at": details.get("occurred_at") or datetime.now(UTC),
            "message": text(message),
            "exception": described,
            "attributes": attributes(extra) if extra else None,
            **fields,
        }
    )
