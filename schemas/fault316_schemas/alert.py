"""`StormAlert` v1: what is failing, since when, how badly, whom it hits and what to do."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from fault316_schemas.event import CODE_CHARS_MAX, CODE_PATTERN, Instant, Layer, Severity

EXEMPLARS_MAX = 5
FACET_VALUES_MAX = 5
REASON_CHARS_MAX = 64


class Transition(StrEnum):
    """The step in a storm's life that an alert reports."""

    OPENED = "opened"
    ESCALATED = "escalated"
    RESOLVED = "resolved"


class Reason(StrEnum):
    """Why the judge decided so; the same word is the log field and the metric label."""

    ABOVE_BASELINE = "above_baseline"  # opened: more than the code's own baseline explains
    ABOVE_RULE = "above_rule"  # opened: a fixed threshold was exceeded for its `for` time
    RATE_ROSE = "rate_rose"  # escalated: the rate rose by a class
    SEVERITY_ROSE = "severity_rose"  # escalated: a worse severity takes a real share now
    RATE_FELL = "rate_fell"  # resolved: below the lower threshold for the hold time
    NEW_NORMAL = "new_normal"  # resolved: it lasted so long that it became the baseline

    @classmethod
    def _missing_(cls, value: object) -> "Reason | None":
        """A reason that came with a later release is kept as it is: by contract it is no error."""
        if not isinstance(value, str) or not value.isidentifier() or len(value) > REASON_CHARS_MAX:
            return None
        later = str.__new__(cls, value)
        later._name_ = later._value_ = value
        return later


_ANY_REASON = {
    "description": "Why; a later release may have more of them.",
    "type": "string",
    "examples": list(Reason),
    "maxLength": REASON_CHARS_MAX,
}

Rate = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""Finite, because JSON has no infinity: pydantic would write null, and no consumer could read it."""

Count = Annotated[int, Field(ge=0)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class FacetValue(_Model):
    """One value of a facet and how much of the storm it carries."""

    value: str = Field(description="The service, host, endpoint or exception type.")
    events: Count = Field(description="Faults of the storm with this value.")
    share: Annotated[float, Field(ge=0, le=1)] = Field(description="Of the storm's faults, 0 to 1.")


FacetValues = Annotated[list[FacetValue], Field(max_length=FACET_VALUES_MAX)]


class Facets(_Model):
    """The heaviest values of each facet, heaviest first. Estimates: bounded counters behind them."""

    services: FacetValues = Field([], description="Who reports it.")
    hosts: FacetValues = Field([], description="Where: one bad node or all of them.")
    endpoints: FacetValues = Field([], description="What fails.")
    exception_types: FacetValues = Field([], description="How it fails.")


class Exemplar(_Model):
    """One real event of the storm, to start looking from."""

    id: str = Field(description="The event's id.")
    request_id: str | None = Field(None, description="The event's request.")
    trace_id: str | None = Field(None, description="The event's trace.")
    message: str | None = Field(None, description="The event's message.")


class StormAlert(_Model):
    """One transition of one storm. `alert_id` is unique per transition and stays the same when resent."""

    alert_id: str = Field(description="Deterministic; consumers drop repeats by it.")
    storm_id: str = Field(description="The same from opened to resolved; the record's key.")
    transition: Transition
    reason: Annotated[Reason, WithJsonSchema(_ANY_REASON)]
    code: Annotated[str, Field(pattern=CODE_PATTERN, max_length=CODE_CHARS_MAX)] = Field(
        description="What storms."
    )
    title: str = Field(description="The code in words.")
    severity: Severity = Field(description="The storm's, which may be worse than one fault's.")
    layer: Layer
    started_at: Instant = Field(description="Estimated beginning of the rise, not of the alarm.")
    at: Instant = Field(description="The time of the judgement, in event time.")
    resolved_at: Instant | None = Field(None, description="When it was over; only with `resolved`.")
    window_s: Annotated[int, Field(ge=1)] = Field(
        description="The window that `observed_per_s` is measured over."
    )
    observed_per_s: Rate = Field(description="Faults per second over the window, at the judgement.")
    baseline_per_s: Rate = Field(description="What the code's own recent past led one to expect.")
    factor: Rate = Field(description="observed / baseline; finite, so the judge gives the baseline a floor.")
    score: Rate = Field(
        description="-log10 of the probability that the baseline alone explains it, at most 300."
    )
    events: Count = Field(description="Faults since started_at.")
    peak_per_s: Rate = Field(description="Highest rate over `window_s` so far.")
    users: Count = Field(description="Distinct users hit, estimated within a few per cent.")
    facets: Facets = Facets()
    exemplars: Annotated[list[Exemplar], Field(max_length=EXEMPLARS_MAX)] = Field(
        [], description="Real events to start looking from."
    )
    runbook: str = Field(description="What to do first.")
    summary: str = Field(description="One sentence that a person woken at night understands.")

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Parse an alert record's value. Raises pydantic.ValidationError."""
        return cls.model_validate_json(data)

    def to_json(self) -> bytes:
        """The record's value."""
        return self.model_dump_json(exclude_none=True).encode()
