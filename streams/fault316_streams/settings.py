"""A worker's settings: `FAULT316_*` environment variables on top of `Connection`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from fault316_schemas import Connection


class Stages(StrEnum):
    """What a worker does."""

    ALL = "all"
    INTAKE = "intake"
    DETECT = "detect"


class LogFormat(StrEnum):
    """How logs look."""

    AUTO = "auto"  # human on a terminal, JSON elsewhere
    HUMAN = "human"
    JSON = "json"


class WorkerSettings(Connection):
    """Everything that an operator may set for `fault316 worker`.

    Raises:
        pydantic.ValidationError: a value is wrong; the error names the field.
    """

    policy_file: Path | None = None
    """TOML with own codes and storm policies; None: the built-in defaults."""

    events_partitions: Annotated[int, Field(ge=1, le=1024)] = 8
    """Partitions of the events topic when `fault316 topics` creates it."""
    partials_partitions: Annotated[int, Field(ge=1, le=256)] = 8
    """Partitions of the partials topic: the most detectors that can share the work."""
    replication_factor: Annotated[int, Field(ge=1, le=9)] = 1

    flush_ms: Annotated[int, Field(ge=10, le=5_000)] = 100
    """How often intake publishes what changed; most of the latency from event to alert."""
    checkpoint_s: Annotated[float, Field(ge=0.1, le=60)] = 2.0
    """How often a changed code's state is written to its table; a transition is written at once."""
    redis_flush_ms: Annotated[int, Field(ge=10, le=5_000)] = 200
    """How often changed counters are written to Redis."""
    session_timeout_s: Annotated[float, Field(ge=6, le=60)] = 10.0
    """After this silence Kafka gives a dead worker's partitions to another."""
    stall_limit_s: Annotated[float, Field(ge=10, le=3_600)] = 60.0
    """A worker that has work and makes no progress for this long exits non-zero."""

    http_host: str = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, le=65_535)] = 6316
    """/healthz, /readyz, /metrics; 0 picks a free port."""
    http_token: SecretStr | None = None
    """Needed where `http_host` is not a loopback address; callers send it as a bearer token."""
    log_format: LogFormat = LogFormat.AUTO
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"
