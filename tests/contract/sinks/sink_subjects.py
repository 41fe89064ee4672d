"""Views under test, and one way to look at what they hold."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fault316_schemas import Keys, Layer, Reason, Severity, StormAlert, Transition
from fault316_streams.sinks import layout
from fault316_streams.sinks.memory import MemoryView
from fault316_streams.sinks.view import CodeView, ViewSink

CODE = "316-DB-DEADLOCK"
T0 = 1_767_225_600.0
"""2026-01-01T00:00:00Z"""


def make_view(version: int = 1, **changes: Any) -> CodeView:
    """A code's view; keyword arguments change fields."""
    fields: dict[str, Any] = {
        "code": CODE,
        "partition": 0,
        "version": version,
        "total": 10,
        "severity": (1, 2, 3, 4),
        "late": 0,
        "skewed": 0,
        "first_seen_s": T0,
        "last_seen_s": T0 + 60,
        "rates": {"10s": 1.0, "1m": 0.5, "5m": 0.1, "15m": 0.03, "1h": 0.01},
        "baseline_per_s": 0.25,
        "state": "quiet",
        "series": {},
    }
    return CodeView(**(fields | changes))


def make_alert(
    transition: Transition = Transition.OPENED, at_s: float = 1.0, storm: str = "storm-1", **changes: Any
) -> StormAlert:
    """An alert of a storm; `at_s` is seconds after T0."""
    fields: dict[str, Any] = {
        "alert_id": f"{storm}:{transition}:{at_s}",
        "storm_id": storm,
        "transition": transition,
        "reason": Reason.ABOVE_BASELINE,
        "code": CODE,
        "title": "Database deadlock",
        "severity": Severity.P1,
        "layer": Layer.DATA,
        "started_at": datetime.fromtimestamp(T0, UTC),
        "at": datetime.fromtimestamp(T0 + at_s, UTC),
        "window_s": 10,
        "observed_per_s": 50.0,
        "baseline_per_s": 1.0,
        "factor": 50.0,
        "score": 12.0,
        "events": 500,
        "peak_per_s": 60.0,
        "users": 17,
        "runbook": "Read the deadlock graph.",
        "summary": "Deadlocks are 50 times the usual.",
    }
    return StormAlert(**(fields | changes))


@dataclass(frozen=True)
class Held:
    """What a view holds, as Redis would show it. `lose` empties it."""

    counter: Callable[[str], Awaitable[dict[str, str]]]
    rate: Callable[[str], Awaitable[dict[str, str]]]
    series: Callable[[str, str], Awaitable[dict[str, str]]]
    codes: Callable[[], Awaitable[dict[str, float]]]
    storms: Callable[[], Awaitable[dict[str, float]]]
    storm: Callable[[str], Awaitable[StormAlert | None]]
    alerts: Callable[[], Awaitable[list[StormAlert]]]
    lose: Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Subject:
    """A view under test."""

    sink: ViewSink
    held: Held


def memory_held(view: MemoryView) -> Held:
    async def counter(code: str) -> dict[str, str]:
        return layout.counter_fields(view.codes[code])

    async def rate(code: str) -> dict[str, str]:
        return layout.rate_fields(view.codes[code])

    async def series(code: str, hour: str) -> dict[str, str]:
        return layout.series_fields(view.codes[code]).get(hour, {})

    async def codes() -> dict[str, float]:
        return {code: each.last_seen_s for code, each in view.codes.items()}

    async def storms() -> dict[str, float]:
        return view.storms

    async def storm(storm_id: str) -> StormAlert | None:
        return view.storm.get(storm_id)

    async def alerts() -> list[StormAlert]:
        return list(view.alerts.values())

    async def lose() -> None:
        view.lose()

    return Held(counter, rate, series, codes, storms, storm, alerts, lose)


def redis_held(client: Any, keys: Keys) -> Held:
    """What Redis holds under these keys. `client` decodes, which redis-py's types don't know."""

    async def counter(code: str) -> dict[str, str]:
        return dict(await client.hgetall(keys.counter(code)))

    async def rate(code: str) -> dict[str, str]:
        return dict(await client.hgetall(keys.rate(code)))

    async def series(code: str, hour: str) -> dict[str, str]:
        return dict(await client.hgetall(keys.series(code, hour)))

    async def codes() -> dict[str, float]:
        return dict(await client.zrange(keys.codes, 0, -1, withscores=True))

    async def storms() -> dict[str, float]:
        return dict(await client.zrange(keys.storms, 0, -1, withscores=True))

    async def storm(storm_id: str) -> StormAlert | None:
        json = await client.get(keys.storm(storm_id))
        return StormAlert.from_json(json) if json else None

    async def alerts() -> list[StormAlert]:
        return [StormAlert.from_json(fields["alert"]) for _, fields in await client.xrange(keys.alerts)]

    async def lose() -> None:
        # Guards begin with a brace. Not FLUSHALL: the server is not ours alone.
        for pattern in (f"{keys.prefix}*", f"{{{keys.prefix}*"):
            async for key in client.scan_iter(pattern):
                await client.delete(key)

    return Held(counter, rate, series, codes, storms, storm, alerts, lose)
