"""How the view is laid out in Redis: fields, lifetimes and limits. Pure; the key names are `Keys`.

Some keys guard others and are read by nobody else. A guard carries the guarded key's name as its hash tag
(`{316:alerts}:seen`), so that a cluster keeps both in one slot and one script may touch both.
"""

from datetime import UTC, datetime
from typing import Final

from fault316_schemas import Keys, StormAlert, Transition
from fault316_streams.partial import SEVERITIES
from fault316_streams.sinks.view import CodeView

DAY_S: Final = 86_400
COUNTER_TTL_S: Final = 30 * DAY_S
"""A month: a code that fails at every month's end keeps its total."""
RATE_TTL_S: Final = DAY_S + 3_600
"""The baseline says something for about a day; an hour more, so that a daily job finds its last run."""
SERIES_TTL_S: Final = 2 * DAY_S
"""Charts show 24 hours; twice that, so that today can be laid over yesterday."""
STORM_TTL_S: Final = 7 * DAY_S
"""A week: last weekend's storms can still be read on Friday."""
ALERTS_TTL_S: Final = COUNTER_TTL_S
VIEW_TTL_S: Final = COUNTER_TTL_S
"""A partition's mark, renewed every second while it has an owner."""

ALERTS_MAX: Final = 10_000
"""About; at some 3 KB an alert that is 30 MB."""
ALERTS_SEEN_MAX: Final = 2 * ALERTS_MAX
"""Ids of alerts already in the stream. More than it holds, so that nothing falls out of this one first."""
STORMS_ENDED_MAX: Final = 10_000
"""Ids of storms that are over; about 100 bytes each."""

_ORDER: Final = {Transition.OPENED: 0, Transition.ESCALATED: 1, Transition.RESOLVED: 2}


def view_key(keys: Keys, partition: int) -> str:
    """string: who wrote this partials partition's part of the view last."""
    return f"{keys.prefix}view:{partition}"


def guard_key(key: str, name: str) -> str:
    """A key that guards `key` from the same cluster slot."""
    return f"{{{key}}}:{name}"


def number(value: float) -> str:
    """A float as the view shows it: microseconds and millionths of a rate are enough."""
    return repr(round(value, 6))


def counter_fields(view: CodeView) -> dict[str, str]:
    """Fields of `Keys.counter`."""
    return {
        "total": str(view.total),
        **{name: str(events) for name, events in zip(SEVERITIES, view.severity, strict=True)},
        "late": str(view.late),
        "skewed": str(view.skewed),
        "first_seen": number(view.first_seen_s),
        "last_seen": number(view.last_seen_s),
        "version": str(view.version),
    }


def rate_fields(view: CodeView) -> dict[str, str]:
    """Fields of `Keys.rate`."""
    return {
        **{window: number(per_s) for window, per_s in view.rates.items()},
        "baseline": number(view.baseline_per_s),
        "state": view.state,
        "version": str(view.version),
    }


def series_fields(view: CodeView) -> dict[str, dict[str, str]]:
    """Hour (yyyymmddhh, UTC) → fields of `Keys.series`: minute of the hour → events."""
    hours: dict[int, dict[str, str]] = {}
    for minute, events in view.series.items():
        hours.setdefault(minute // 60, {})[str(minute % 60)] = str(events)
    return {
        datetime.fromtimestamp(hour * 3_600, UTC).strftime("%Y%m%d%H"): fields
        for hour, fields in hours.items()
    }


def alert_order(alert: StormAlert) -> int:
    """Sorts one storm's alerts: by time in ms, then by transition. Below 2**53, so exact in Lua."""
    return int(alert.at.timestamp() * 1_000) * len(_ORDER) + _ORDER[alert.transition]
