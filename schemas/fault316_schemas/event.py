"""`FaultEvent` v1: what a service reports when something fails.

This model is the contract. Any client in any language writes it as one JSON object per Kafka record.
Required are `id`, `code`, `service` and `occurred_at`; the registry of codes gives the rest its defaults.
Unknown fields are ignored, so that producers may be newer than workers.
"""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic_core import PydanticCustomError, from_json

CODE_PATTERN = r"^316(-[A-Z0-9]+)+$"
"""As JSON Schema and pydantic read it. Python's own `re` lets `$` pass a final newline: write `\\Z` there."""

CODE_CHARS_MAX = 64
ID_CHARS_MAX = 128
NAME_CHARS_MAX = 256
TEXT_CHARS_MAX = 8_192
STACKTRACE_CHARS_MAX = 65_536
ATTRIBUTES_MAX = 32
ATTRIBUTE_CHARS_MAX = 1_024
COUNT_MAX = 1_000_000_000
"""One record may stand for at most this many identical faults; 64-bit sums of it cannot overflow."""

EVENT_BYTES_MAX = 1_048_576
"""A record's value may be this large (1 MiB). Everything that the model accepts fits, as `to_json` writes it:
6 bytes (a control character) x (65,536 stacktrace + 2 x 8,192 messages + 32 x (256 + 1,024) attributes +
16 x 256 names) is 762 KB."""

TIMESTAMP_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:?[0-9]{2})$"
)
"""RFC 3339 with an offset. Also read, because the hot path's decoder reads it: an offset without its colon."""

_TIMESTAMP = re.compile(TIMESTAMP_PATTERN.removeprefix("^").removesuffix("$"))
_NAIVE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?")


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


def _instant(value: Any, parse: ValidatorFunctionWrapHandler) -> datetime:
    """Only RFC 3339 text (or a datetime): a bare number is ambiguous, a naive time means nothing."""
    if isinstance(value, datetime):
        offset = value.utcoffset()
        # RFC 3339 has no seconds in its offsets: written as they are, such times would come back shifted.
        whole_minutes = offset is None or offset % timedelta(minutes=1) == timedelta()
        moment: datetime = parse(value if whole_minutes else value.astimezone(UTC))
        return moment
    match = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        if isinstance(value, str) and _NAIVE.fullmatch(value):
            raise PydanticCustomError("naive_timestamp", "The timestamp should have an offset, such as Z")
        raise PydanticCustomError("invalid_timestamp", "Input should be an RFC 3339 timestamp")
    try:
        moment = parse(value)
        # Digits beyond microseconds are rounded half up, as the hot path does.
        return moment + timedelta(microseconds=1) if (match[1] or "")[7:8] >= "5" else moment
    except (ValidationError, OverflowError):
        raise PydanticCustomError(
            "invalid_timestamp", "Input should be an RFC 3339 timestamp that exists"
        ) from None


Instant = Annotated[
    AwareDatetime,
    WrapValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": TIMESTAMP_PATTERN}),
]
"""An aware point in time; RFC 3339 with an offset in JSON. Years 1 to 9999; no leap second, no 24:00."""

Name = Annotated[StrictStr, Field(min_length=1, max_length=NAME_CHARS_MAX)]
Text = Annotated[StrictStr, Field(max_length=TEXT_CHARS_MAX)]
Code = Annotated[StrictStr, Field(pattern=CODE_PATTERN, max_length=CODE_CHARS_MAX)]
Number = Annotated[StrictFloat, Field(allow_inf_nan=False)]
Amount = Annotated[StrictFloat, Field(ge=0, allow_inf_nan=False)]
Scalar = Annotated[StrictStr, Field(max_length=ATTRIBUTE_CHARS_MAX)] | StrictBool | StrictInt | Number | None


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class FaultException(_Model):
    """The exception behind the fault, if there is one."""

    type: Name = Field(description="The class; a facet of storms.")
    message: Text | None = Field(None, description="What the exception says.")
    stacktrace: Annotated[StrictStr, Field(max_length=STACKTRACE_CHARS_MAX)] | None = Field(
        None, description="As the language prints it."
    )
    fingerprint: Name | None = Field(None, description="Same cause, same fingerprint, across releases.")


class DbPool(_Model):
    """A database connection pool at the moment of the fault."""

    size: Annotated[StrictInt, Field(ge=0)] = Field(description="Connections that the pool keeps.")
    checked_out: Annotated[StrictInt, Field(ge=0)] = Field(description="Connections in use.")
    overflow: StrictInt = Field(0, description="Connections beyond `size`; below 0 while it fills.")


class Resources(_Model):
    """The process's and machine's resources at the moment of the fault."""

    load_1m: Amount | None = Field(None, description="Load average of the last minute.")
    cpu_percent: Amount | None = Field(None, description="Of one core: 250 is two and a half cores.")
    memory_percent: Amount | None = Field(None, description="Of the machine's or container's memory.")
    disk_percent: Amount | None = Field(None, description="Of the disk that the service writes to.")
    threads: Annotated[StrictInt, Field(ge=0)] | None = Field(None, description="Threads of the process.")
    db_pool: DbPool | None = None
    cache_hit_ratio: Annotated[StrictFloat, Field(ge=0, le=1)] | None = Field(
        None, description="Hits of all look-ups, 0 to 1."
    )


class FaultEvent(_Model):
    """One fault, or `count` identical ones that a client rolled up."""

    id: Annotated[StrictStr, Field(min_length=1, max_length=ID_CHARS_MAX)] = Field(
        description="Unique per event."
    )
    code: Code = Field(description="316-…, upper case; the key of everything that follows.")
    service: Name = Field(description="The service that reports.")
    occurred_at: Instant = Field(description="When it happened, by the service's clock.")

    severity: Severity | None = Field(None, description="Default: the registry's for this code.")
    layer: Layer | None = Field(None, description="Default: the registry's for this code.")
    trigger: Trigger | None = None
    component: Name | None = Field(None, description="The part of the service.")
    host: Name | None = Field(None, description="Machine, container or pod; a facet of storms.")
    pid: Annotated[StrictInt, Field(ge=0)] | None = Field(None, description="Process id on `host`.")
    version: Name | None = Field(None, description="The service's release.")
    environment: Name | None = Field(None, description="Such as production or staging.")
    message: Text | None = Field(None, description="What a person should read.")
    count: Annotated[StrictInt, Field(ge=1, le=COUNT_MAX)] = Field(
        1, description="Identical faults that this event stands for."
    )
    request_id: Name | None = Field(None, description="The request that failed.")
    user_id: Name | None = Field(None, description="Whom it hit; storms estimate how many differ.")
    endpoint: Name | None = Field(None, description="Route or operation, without ids; a facet of storms.")
    duration_ms: Amount | None = Field(None, description="How long it took to fail.")
    trace_id: Name | None = Field(None, description="W3C or other trace.")
    span_id: Name | None = Field(None, description="The span in that trace.")
    exception: FaultException | None = None
    resources: Resources | None = None
    attributes: Annotated[dict[Name, Scalar], Field(max_length=ATTRIBUTES_MAX)] | None = Field(
        None, description="Whatever else helps; scalars only."
    )

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Parse one record's value.

        Raises:
            ValueError: too large, not JSON by RFC 8259 (NaN and Infinity are not), or not UTF-8.
            pydantic.ValidationError: (a ValueError too) JSON, but not a fault event.
        """
        if len(data) > EVENT_BYTES_MAX:
            raise ValueError(f"{len(data)} bytes are more than {EVENT_BYTES_MAX}")
        return cls.model_validate(from_json(data, allow_inf_nan=False))

    def to_json(self) -> bytes:
        """The record's value: compact JSON without the fields that are not set."""
        return self.model_dump_json(exclude_none=True).encode()
