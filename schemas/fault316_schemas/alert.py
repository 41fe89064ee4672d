"""`StormAlert` v1: what is failing, since when, how badly, whom it hits and what to do."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from fault316_schemas.event import CODE_CHARS_MAX, CODE_PATTERN, Layer, Severity

EXEMPLARS_MAX = 5
FACET_VALUES_MAX = 5


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


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class FacetValue(_Model):
    """One value of a facet and how much of the storm it carries."""

    value: str
    events: Annotated[int, Field(ge=0)]
    share: Annotated[float, Field(ge=0, le=1)]


class Facets(_Model):
    """The heaviest values of each facet, heaviest first. Estimates: bounded counters behind them."""

    services: list[FacetValue] = []
    hosts: list[FacetValue] = []
    endpoints: list[FacetValue] = []
    exception_types: list[FacetValue] = []


class Exemplar(_Model):
    """One real event of the storm, to start looking from."""

    id: str
    request_id: str | None = None
    trace_id: str | None = None
    message: str | None = None


class StormAlert(_Model):
    """One transition of one storm. `alert_id` is unique per transition and stays the same when resent."""

    alert_id: str = Field(description="Deterministic; consumers drop repeats by it.")
    storm_id: str = Field(description="The same from opened to resolved; the record's key.")
    transition: Transition
    reason: Reason
    code: Annotated[str, Field(pattern=CODE_PATTERN, max_length=CODE_CHARS_MAX)]
    title: str = Field(description="The code in words.")
    severity: Severity
    layer: Layer
    started_at: AwareDatetime = Field(description="Estimated beginning of the rise, not of the alarm.")
    at: AwareDatetime = Field(description="The time of the judgement, in event time.")
    resolved_at: AwareDatetime | None = None
    window_s: int = Field(description="The window that `observed_per_s` is measured over.")
    observed_per_s: float
    baseline_per_s: float
    factor: float = Field(description="observed / baseline.")
    score: float = Field(
        description="-log10 of the probability that the baseline alone explains it, at most 300."
    )
    events: int = Field(description="Faults since started_at.")
    peak_per_s: float = Field(description="Highest rate over `window_s` so far.")
    users: int = Field(description="Distinct users hit, estimated within a few per cent.")
    facets: Facets = Facets()
    exemplars: Annotated[list[Exemplar], Field(max_length=EXEMPLARS_MAX)] = []
    runbook: str = Field(description="What to do first.")
    summary: str = Field(description="One sentence that a person woken at night understands.")

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Parse an alert record's value. Raises pydantic.ValidationError."""
        return cls.model_validate_json(data)

    def to_json(self) -> bytes:
        """The record's value."""
        return self.model_dump_json(exclude_none=True).encode()
