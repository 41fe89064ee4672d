"""The one sentence that a person woken at night understands."""

from typing import Final

from fault316_schemas import FacetValue, StormAlert, Transition

CLOCK_SHARE_MIN: Final = 0.05
"""Of a storm's faults, from which on it is worth a word that they are stamped off."""
DAY_S: Final = 86_400


def summarize(alert: StormAlert) -> str:
    """What is failing, since when, how badly, whom it hits and, in the runbook's first words, what to do."""
    subject = f"{alert.title} ({alert.code}, {alert.severity})"
    match alert.transition:
        case Transition.OPENED:
            return (
                f"{subject}: {_rate(alert.observed_per_s)} since {alert.started_at:%H:%M:%S} UTC, "
                f"normally {_rate(alert.baseline_per_s)}{_whom(alert)}{_clocks(alert)}."
            )
        case Transition.ESCALATED:
            return (
                f"{subject} is getting worse: {_rate(alert.observed_per_s)} now, "
                f"normally {_rate(alert.baseline_per_s)}, {alert.events:,} faults since "
                f"{alert.started_at:%H:%M:%S} UTC{_whom(alert)}{_clocks(alert)}."
            )
        case Transition.RESOLVED:
            end = alert.resolved_at or alert.at
            lasted_s = max(1, round((end - alert.started_at).total_seconds()))
            return (
                f"{subject} is over: {alert.events:,} faults in {_duration(lasted_s)}, "
                f"peak {_rate(alert.peak_per_s)}{_whom(alert)}{_clocks(alert)}."
            )


def _whom(alert: StormAlert) -> str:
    parts = []
    if alert.users:
        parts.append(f"{alert.users:,} user{'s' if alert.users != 1 else ''} hit")
    parts += [
        f"{'mostly ' if value.share < 0.99 else ''}{value.value.rpartition('.')[2]}"
        for value in (_main(alert.facets.services), _main(alert.facets.exception_types))
        if value
    ]
    return "".join(f", {part}" for part in parts)


def _clocks(alert: StormAlert) -> str:
    """Who stamps a real share of it with another time, and how far off: the service that most of these are of."""
    if not alert.clocks or alert.clocks[0].events < CLOCK_SHARE_MIN * alert.events:
        return ""
    service, offset_s = alert.clocks[0].service, alert.clocks[0].offset_s
    more = f" and {len(alert.clocks) - 1} more" if len(alert.clocks) > 1 else ""
    # A clock that is ahead is wrong. One that is behind may be right, and its events late.
    why = "a wrong clock" if offset_s > 0 else "a wrong clock, or a backlog"
    direction = "ahead" if offset_s > 0 else "behind"
    return f"; stamped {_duration(round(abs(offset_s)))} {direction} by {service}{more} ({why})"


def _main(values: list[FacetValue]) -> FacetValue | None:
    """The heaviest value, if it carries most of the storm."""
    return values[0] if values and values[0].share >= 0.5 else None


def _rate(per_s: float) -> str:
    if per_s >= 10:
        return f"{per_s:,.0f}/s"
    if per_s >= 0.01:
        return f"{per_s:.1f}/s" if per_s >= 0.1 else f"{per_s:.2f}/s"
    return f"{per_s * 3_600:.1f}/h"


def _duration(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7_200:
        return f"{seconds // 60} min"
    return f"{seconds / 3_600:.1f} h" if seconds < 2 * DAY_S else f"{seconds // DAY_S:,} days"
