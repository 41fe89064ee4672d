"""The queries, without the network: each says which commands it needs and what their replies mean.

A query is a generator. It yields lists of Redis commands, is sent their replies, and returns its result; each
list is one round trip. So the sync and the async client share everything but the waiting.
"""

import logging
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import methodcaller
from typing import Any, TypeVar

from pydantic import ValidationError

from fault316.views import WINDOWS, Counter, Rates, Update, parse_counter, parse_rates
from fault316_schemas import Keys, StormAlert, Transition

logger = logging.getLogger("fault316")

T = TypeVar("T")
Command = Callable[[Any], Any]
"""Queues one command on a Redis pipeline."""
Query = Generator[list[Command], list[Any], T]

CODES_MAX = 5_000
"""Codes looked at in one query, those seen last first; at about 150 bytes a hash, a reply of 750 kB."""
STORMS_MAX = 1_000
SERIES_HOURS_MAX = 24 * 31
TURNS = 10
"""A late event is seen within so many looks."""
MINUTE = timedelta(minutes=1)

Series = list[tuple[datetime, int]]
"""Minutes (aware, UTC) in order, without gaps, and the events of each."""


@dataclass
class Seen:
    """What the looks of one `watch` have found so far."""

    last_event: dict[str, float] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    storms: dict[str, StormAlert] = field(default_factory=dict)
    """Storm id → the latest alert, of those that were on."""
    looks: int = 0

    def to_ask(self, scored: list[tuple[str, float]]) -> list[str]:
        """The codes whose totals may have changed."""
        changed = [code for code, at in scored if self.last_event.get(code) != at]
        in_turn = [code for code, _ in scored[self.looks % TURNS :: TURNS]]
        self.last_event = dict(scored)
        return list(dict.fromkeys(changed + in_turn))

    def update(self, totals: dict[str, int], alerts: list[StormAlert]) -> Update | None:
        """Take in what was found; None if it says nothing new. The first look is always news."""
        new_totals = {code: total for code, total in totals.items() if self.totals.get(code) != total}
        new_alerts = [
            alert
            for alert in alerts
            if alert.storm_id in self.storms or alert.transition is not Transition.RESOLVED
            if alert.alert_id != getattr(self.storms.get(alert.storm_id), "alert_id", None)
        ]
        self.totals = {code: total for code, total in self.totals.items() if code in self.last_event}
        self.totals |= new_totals
        self.storms = {
            alert.storm_id: alert for alert in alerts if alert.transition is not Transition.RESOLVED
        }
        self.looks += 1
        news = new_totals or new_alerts or self.looks == 1
        return Update(tuple(new_alerts), new_totals) if news else None


def codes(keys: Keys) -> Query[list[str]]:
    """Known codes, the one seen last first."""
    [names] = yield [methodcaller("zrevrange", keys.codes, 0, CODES_MAX - 1)]
    return list(names)


def counters(keys: Keys, of: Iterable[str] | None) -> Query[list[Counter]]:
    """The counters of these codes, or of all; those that do not exist are left out."""
    names = (yield from codes(keys)) if of is None else list(of)
    replies = yield [methodcaller("hgetall", keys.counter(code)) for code in names]
    found = (parse_counter(code, fields) for code, fields in zip(names, replies, strict=True))
    return [counter for counter in found if counter]


def rates(keys: Keys, of: Iterable[str] | None) -> Query[list[Rates]]:
    """The rates of these codes, or of all; those that do not exist are left out."""
    names = (yield from codes(keys)) if of is None else list(of)
    replies = yield [methodcaller("hgetall", keys.rate(code)) for code in names]
    found = (parse_rates(code, fields) for code, fields in zip(names, replies, strict=True))
    return [item for item in found if item]


def top(keys: Keys, n: int, window: str) -> Query[list[Rates]]:
    """The codes with the highest rates over `window`, highest first."""
    if window not in WINDOWS:
        raise ValueError(f"no window {window!r}: one of {', '.join(WINDOWS)}")
    found = yield from rates(keys, None)
    return sorted(found, key=lambda item: (-item.per_s[window], item.code))[:n]


def active_storms(keys: Keys) -> Query[list[StormAlert]]:
    """The latest alert of each storm that is still on, the oldest storm first."""
    [ids] = yield [methodcaller("zrange", keys.storms, 0, STORMS_MAX - 1)]
    replies = yield [methodcaller("get", keys.storm(storm_id)) for storm_id in ids]
    alerts = [_alert(reply) for reply in replies]
    return [alert for alert in alerts if alert and alert.transition is not Transition.RESOLVED]


def storm(keys: Keys, storm_id: str) -> Query[StormAlert | None]:
    """The latest alert of a storm, on or over; None once it is forgotten."""
    [reply] = yield [methodcaller("get", keys.storm(storm_id))]
    return _alert(reply)


def look(keys: Keys, seen: Seen) -> Query[Update | None]:
    """What has changed since the last look, which `seen` remembers; None if nothing has.

    Two round trips, however many codes there are. A code is asked for its total when its last event is another one;
    an event that comes late changes no such time, so a tenth of the codes is asked besides, in turn.
    """
    [scored, ids] = yield [
        methodcaller("zrevrange", keys.codes, 0, CODES_MAX - 1, withscores=True),
        methodcaller("zrange", keys.storms, 0, STORMS_MAX - 1),
    ]
    names = seen.to_ask(scored)
    storm_ids = list(dict.fromkeys([*ids, *seen.storms]))  # those that are gone from the list are over
    replies = yield [
        *(methodcaller("hgetall", keys.counter(code)) for code in names),
        *(methodcaller("get", keys.storm(storm_id)) for storm_id in storm_ids),
    ]
    totals = {
        code: int(fields["total"])
        for code, fields in zip(names, replies[: len(names)], strict=True)
        if "total" in fields
    }
    alerts = [alert for reply in replies[len(names) :] if (alert := _alert(reply))]
    return seen.update(totals, alerts)


def span(
    since: datetime | None, until: datetime | None, minutes: int, now: datetime
) -> tuple[datetime, datetime]:
    """What a series is asked for: from `since`, or the last so many minutes."""
    until = until or now
    if minutes < 1:
        raise ValueError(f"minutes is {minutes}, should be 1 or more")
    return since or until - (minutes - 1) * MINUTE, until


def series(keys: Keys, of: Iterable[str], since: datetime, until: datetime) -> Query[dict[str, Series]]:
    """Events by minute, from the minute of `since` to that of `until`, both included; minutes without are 0."""
    names = list(of)
    first, last = _utc("since", since).replace(second=0, microsecond=0), _utc("until", until)
    hours = _hours(first, last)
    hashes = [keys.series(code, f"{hour:%Y%m%d%H}") for code in names for hour in hours]
    replies = iter((yield [methodcaller("hgetall", key) for key in hashes]))
    minutes = [first + i * MINUTE for i in range(int((last - first) / MINUTE) + 1)]
    result: dict[str, Series] = {}
    for code in names:
        by_hour = {hour: next(replies) for hour in hours}
        result[code] = [(m, int(by_hour[m.replace(minute=0)].get(str(m.minute), 0))) for m in minutes]
    return result


def _alert(reply: str | None) -> StormAlert | None:
    """None where it is forgotten, or of a newer version: that must not hide the other storms."""
    try:
        return None if reply is None else StormAlert.from_json(reply)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        why = "; ".join(problem["msg"] for problem in problems[:3])
        logger.warning("a storm in Redis is not an alert that this version reads: %s", why)
        return None


def _utc(argument: str, instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"{argument} has no time zone: use datetime.now(UTC), for instance")
    return instant.astimezone(UTC)


def _hours(first: datetime, last: datetime) -> list[datetime]:
    if last < first:
        raise ValueError(f"until ({last}) lies before since ({first})")
    start = first.replace(minute=0)
    count = int((last - start) / timedelta(hours=1)) + 1
    if count > SERIES_HOURS_MAX:
        raise ValueError(f"{count} hours are more than the {SERIES_HOURS_MAX} that one query may span")
    return [start + timedelta(hours=i) for i in range(count)]
