"""The one sentence that a person woken at night understands."""

from fault316_schemas import FacetValue, StormAlert, Transition


def summarize(alert: StormAlert) -> str:
    """What is failing, since when, how badly, whom it hits and, in the runbook's first words, what to do."""
    subject = f"{alert.title} ({alert.code}, {alert.severity})"
    match alert.transition:
        case Transition.OPENED:
            return (
                f"{subject}: {_rate(alert.observed_per_s)} since {alert.started_at:%H:%M:%S} UTC, "
                f"normally {_rate(alert.baseline_per_s)}{_whom(alert)}."
            )
        case Transition.ESCALATED:
            return (
                f"{subject} is getting worse: {_rate(alert.observed_per_s)} now, "
                f"normally {_rate(alert.baseline_per_s)}, {alert.events:,} faults since "
                f"{alert.started_at:%H:%M:%S} UTC{_whom(alert)}."
            )
        case Transition.RESOLVED:
            end = alert.resolved_at or alert.at
            lasted_s = max(1, round((end - alert.started_at).total_seconds()))
            return (
                f"{subject} is over: {alert.events:,} faults in {_duration(lasted_s)}, "
                f"peak {_rate(alert.peak_per_s)}{_whom(alert)}."
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
    return f"{seconds // 60} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"
