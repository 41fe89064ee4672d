"""One fault, injected under a steady load, and the oracle's verdict on what came of it. Imported as `trial`."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Final, Self

from event_flow import PER_TURN, EventFlow
from fault316_streams.settings import WorkerSettings
from other_client import OtherConsumer, OtherView
from support import until

RECOVER_LIMIT_S: Final = 90.0
"""Both clients' backoffs, the session's and the worker's, and where needed a new worker's start."""

FRESH_EVENTS: Final = 100
"""Some for every partition, or a fault that struck just after a flush would seem to cost no time."""

CALM_POLICY: Final = """\
[storm.default]
short_s = 3
long_s = 6
hold_s = 3

[storm."316-CALM-*"]
floor = 1_000_000
"""
"""Storms end within seconds, and there are none but those that a test asks for: so an invented one shows."""

Record = Callable[[str, object], None]


@dataclass
class Verdict:
    """A line of the report. The last four are 0, or the trial has failed."""

    fault: str
    injected: int = 0
    recover_s: list[float] = field(default_factory=list)
    """From the end of each fault until all that was written before, and some of what came after, was counted."""
    events: int = 0
    storms: int = 0
    lost: int = 0
    doubled: int = 0
    missed: int = 0
    """Storms without an alert, or without an end."""
    invented: int = 0
    """Storms that there were not, or more than one alert for the same."""


class Trial:
    """Events flow inside of `with`, at its end everything is compared with what was written."""

    def __init__(
        self,
        settings: WorkerSettings,
        fault: str,
        record: Record,
        watch: Callable[[], object] = lambda: None,
        per_turn: int = PER_TURN,
        keeps_stream: bool = True,
    ) -> None:
        """`watch` is called while something is waited for: it may start again what has ended.

        `per_turn` as for `EventFlow`. Without `keeps_stream` Redis is emptied: of what was before, its stream is
        then told each code's latest alert only.
        """
        self.verdict = Verdict(fault)
        self.flow = EventFlow(settings, per_turn)
        self.view = OtherView(settings)
        self.alerts = OtherConsumer(settings, settings.topics.alerts)
        self._record = record
        self._watch = watch
        self._keeps_stream = keeps_stream

    @contextmanager
    def injected(self) -> Iterator[None]:
        """The block injects the fault, and mends it where that needs doing; what is written is then waited for."""
        self.verdict.injected += 1
        yield
        began, fresh = time.monotonic(), self.flow.produced.total() + FRESH_EVENTS
        self._until(lambda: self.flow.produced.total() >= fresh)
        due = self.flow.produced.copy()
        self._until(lambda: self.view.totals() >= due)
        self.verdict.recover_s.append(round(time.monotonic() - began, 1))

    def counting(self, events: int = 500) -> None:
        """Wait until so many more events are counted."""
        due = self.view.totals().total() + events
        self._until(lambda: self.view.totals().total() >= due)

    @contextmanager
    def storm(self) -> Iterator[str]:
        """A code of its own storms inside of the block, which begins when its alert is there."""
        self.verdict.storms += 1
        code = f"316-STORM-{self.verdict.storms}"
        self.flow.storm = code
        self._until(lambda: self.transitions(code)[:1] == ["opened"])
        try:
            yield code
        finally:
            self.flow.storm = None

    def resolved(self, code: str) -> None:
        """Wait until a code's storm is over, also for the alerts' readers."""
        self._until(lambda: self.transitions(code)[-1:] == ["resolved"])

    def transitions(self, code: str) -> list[str]:
        """Of a code, in the topic's order; a repeat under the same id is left out, and must be the same alert."""
        return [alert["transition"] for alert in self._alerts() if alert["code"] == code]

    def ids(self) -> list[str]:
        """Of all alerts so far, each once, in the topic's order."""
        return [alert["alert_id"] for alert in self._alerts()]

    def __enter__(self) -> Self:
        self.flow.__enter__()
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        self.flow.__exit__()
        try:
            if failed is None:
                self._settle()
        finally:
            self._judge()
            self._record("chaos", asdict(self.verdict))
        if failed is None:
            self._assert_all()
        self.alerts.close()
        self.view.close()

    def _settle(self) -> None:
        """Wait for what is still to come: an assertion that tells what is wrong then follows."""
        ended = {f"316-STORM-{number + 1}" for number in range(self.verdict.storms)}
        try:
            self._until(lambda: self.view.totals() == self.flow.produced)
            self._until(lambda: all(self.transitions(code)[-1:] == ["resolved"] for code in ended))
            self._until(lambda: self.view.redis.zcard(f"{self.view.prefix}storms") == 0)
            self._until(self._stream_is_right)
        except AssertionError as error:
            print(f"did not settle: {error}")

    def _judge(self) -> None:
        verdict, counted, produced = self.verdict, self.view.totals(), self.flow.produced
        verdict.events = produced.total()
        verdict.lost, verdict.doubled = (produced - counted).total(), (counted - produced).total()
        alerts = Counter((alert["code"], alert["transition"]) for alert in self._alerts())
        for number in range(verdict.storms):
            for transition in ("opened", "resolved"):
                seen = alerts.pop((f"316-STORM-{number + 1}", transition), 0)
                verdict.missed += seen == 0
                verdict.invented += max(0, seen - 1)
            alerts.pop((f"316-STORM-{number + 1}", "escalated"), 0)
        verdict.invented += len({code for code, _ in alerts})

    def _assert_all(self) -> None:
        """The numbers of the report first, then what they leave out: severities, minutes, order, the stream."""
        verdict, view, flow = self.verdict, self.view, self.flow
        found = {
            name: value for name, value in asdict(verdict).items() if name not in ("recover_s", "events")
        }
        assert (verdict.lost, verdict.doubled, verdict.missed, verdict.invented) == (0, 0, 0, 0), found
        severities = {
            (code, name): int(view.counter(code)[name])
            for code in flow.produced
            for name in ("P0", "P1", "P2", "P3")
        }
        assert {key: n for key, n in severities.items() if n} == flow.severities
        minutes = {(code, minute): n for code in flow.produced for minute, n in view.series(code).items()}
        assert minutes == flow.minutes
        by_storm: dict[str, list[dict[str, Any]]] = {}
        for alert in self._alerts():
            by_storm.setdefault(alert["storm_id"], []).append(alert)
        stormed = [alerts[0]["code"] for alerts in by_storm.values()]
        assert len(stormed) == len(set(stormed)), "a storm ends under the id that it began with"
        for storm_id, alerts in by_storm.items():
            assert all(one["at"] <= next_["at"] for one, next_ in pairwise(alerts)), alerts
            assert view.redis.get(f"{view.prefix}storm:{storm_id}"), storm_id
        assert self._stream_is_right(), self._streamed()
        assert view.redis.zcard(f"{view.prefix}storms") == 0

    def _alerts(self) -> list[dict[str, Any]]:
        """The topic's, each once. A repeat tells of the same transition; its facets may be newer."""
        bodies: dict[str, dict[str, Any]] = {}
        for alert in self.alerts.alerts():
            known = bodies.setdefault(alert["alert_id"], alert)
            same = all(
                known[name] == alert[name] for name in ("storm_id", "transition", "reason", "started_at")
            )
            assert same, "an id stands for one transition"
        return list(bodies.values())

    def _stream_is_right(self) -> bool:
        """All alerts, or all that an emptied one is told again."""
        all_ids = {alert["alert_id"] for alert in self._alerts()}
        latest = {alert["code"]: alert["alert_id"] for alert in self._alerts()}
        due = all_ids if self._keeps_stream else set(latest.values())
        return due <= self._streamed() <= all_ids

    def _streamed(self) -> set[str]:
        """The ids on the Redis stream, which holds each once."""
        ids = [alert["alert_id"] for alert in self.view.alerts()]
        assert len(ids) == len(set(ids)), ids
        return set(ids)

    def _until(self, condition: Callable[[], object]) -> None:
        def watched() -> object:
            self._watch()
            return condition()

        until(watched, deadline_s=RECOVER_LIMIT_S)
