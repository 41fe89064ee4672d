"""`FaultEvent` v1: what a service reports when something fails.

This model is the contract. Any client in any language writes it as one JSON object per Kafka record.
Required are `id`, `code`, `service` and `occurred_at`; the registry of codes gives the rest its defaults.
Unknown fields are ignored, so that producers may be newer than workers.
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
)
from pydantic_core import PydanticCustomError, from_json

CODE_PATTERN = r"^316(-[A-Z0-9]+)+$"
CODE_CHARS_MAX = 64
ID_CHARS_MAX = 128
NAME_CHARS_MAX = 256
TEXT_CHARS_MAX = 8_192
STACKTRACE_CHARS_MAX = 65_536
ATTRIBUTES_MAX = 32
COUNT_MAX = 1_000_000_000
"""One record may stand for at most this many identical faults; 64-bit sums of it cannot overflow."""

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})?", re.ASCII)


class Severity(StrEnum):
    """How bad one fault is. P0 is the worst."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


class Layer(StrEnum):
    """The layer of the system in which the fault arose."""

    NETWORK = "network"
    APPLICATION = "application"
    DATA = "data"
    INFRASTRUCTURE = "infrastructure"


class Trigger(StrEnum):
    """What set the fault off, where the service knows it."""

    HIGH_FREQUENCY = "high_frequency"
    BOUNDARY = "boundary"
    ENVIRONMENT = "environment"


def _instant(value: Any) -> Any:
    """Only RFC 3339 text (or a datetime): a bare number is ambiguous, a naive time means nothing."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not (match := _RFC3339.fullmatch(value)):
        raise PydanticCustomError("invalid_timestamp", "Input should be an RFC 3339 timestamp")
    if match[2] is None:
        raise PydanticCustomError("naive_timestamp", "The timestamp should have an offset, such as Z")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]
"""An aware point in time; RFC 3339 with an offset in JSON."""

Name = Annotated[StrictStr, Field(min_length=1, max_length=NAME_CHARS_MAX)]
Text = Annotated[StrictStr, Field(max_length=TEXT_CHARS_MAX)]
Code = Annotated[StrictStr, Field(pattern=CODE_PATTERN, max_length=CODE_CHARS_MAX)]
Number = Annotated[StrictFloat, Field(allow_inf_nan=False)]
Amount = Annotated[StrictFloat, Field(ge=0, allow_inf_nan=False)]
Scalar = StrictStr | StrictBool | StrictInt | Number | None


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class FaultException(_Model):
    """The exception behind the fault, if there is one."""

    type: Name
    message: Text | None = None
    stacktrace: Annotated[StrictStr, Field(max_length=STACKTRACE_CHARS_MAX)] | None = None
    fingerprint: Name | None = Field(None, description="Same cause, same fingerprint, across releases.")


class DbPool(_Model):
    """A database connection pool at the moment of the fault."""

    size: Annotated[StrictInt, Field(ge=0)]
    checked_out: Annotated[StrictInt, Field(ge=0)]
    overflow: StrictInt = 0


class Resources(_Model):
    """The process's and machine's resources at the moment of the fault."""

    load_1m: Amount | None = None
    cpu_percent: Amount | None = None
    memory_percent: Amount | None = None
    disk_percent: Amount | None = None
    threads: Annotated[StrictInt, Field(ge=0)] | None = None
    db_pool: DbPool | None = None
    cache_hit_ratio: Annotated[StrictFloat, Field(ge=0, le=1)] | None = None


class FaultEvent(_Model):
    """One fault, or `count` identical ones that a client rolled up."""

    id: Annotated[StrictStr, Field(min_length=1, max_length=ID_CHARS_MAX)] = Field(
        description="Unique per event."
    )
    code: Code = Field(description="316-…, upper case; the key of everything that follows.")
    service: Name = Field(description="The service that reports.")
    occurred_at: Instant = Field(description="When it happened, by the service's clock.")

    severity: Severity | None = Field(None, description="Default: the registry's for this code.")
    layer: Layer | None = None
    trigger: Trigger | None = None
    component: Name | None = None
    host: Name | None = None
    pid: Annotated[StrictInt, Field(ge=0)] | None = None
    version: Name | None = Field(None, description="The service's release.")
    environment: Name | None = None
    message: Text | None = None
    count: Annotated[StrictInt, Field(ge=1, le=COUNT_MAX)] = Field(
        1, description="Identical faults that this event stands for."
    )
    request_id: Name | None = None
    user_id: Name | None = None
    endpoint: Name | None = None
    duration_ms: Amount | None = None
    trace_id: Name | None = None
    span_id: Name | None = None
    exception: FaultException | None = None
    resources: Resources | None = None
    attributes: Annotated[dict[Name, Scalar], Field(max_length=ATTRIBUTES_MAX)] | None = None

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Parse one record's value.

        Raises:
            ValueError: not JSON by RFC 8259 (NaN and Infinity are not), or not UTF-8.
            pydantic.ValidationError: (a ValueError too) JSON, but not a fault event.
        """
        return cls.model_validate(from_json(data, allow_inf_nan=False))

    def to_json(self) -> bytes:
        """The record's value: compact JSON without the fields that are not set."""
        return self.model_dump_json(exclude_none=True).encode()
