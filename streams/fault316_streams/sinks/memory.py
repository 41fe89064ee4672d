"""The sinks without servers: for simulations and tests of what stands before them."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from fault316_schemas import StormAlert, Transition
from fault316_streams.sinks.layout import alert_order
from fault316_streams.sinks.view import CodeView


class MemoryView:
    """A `ViewSink` in dictionaries. It takes and refuses exactly what `RedisView` does."""

    def __init__(self) -> None:
        self.codes: dict[str, CodeView] = {}
        """Code → the newest view, with all minutes known of its series."""
        self.storms: dict[str, float] = {}
        """Active storm id → epoch second of its start."""
        self.storm: dict[str, StormAlert] = {}
        """Storm id → its latest alert."""
        self.alerts: dict[str, StormAlert] = {}
        """Alert id → alert, in the order of arrival."""
        self._ended: set[str] = set()
        self._claimed: set[int] = set()

    async def write(
        self, codes: Sequence[CodeView], alerts: Sequence[StormAlert], partitions: Collection[int]
    ) -> set[int]:
        """See `ViewSink`."""
        unknown = set(partitions) - self._claimed
        self._claimed |= unknown
        for alert in alerts:
            self._take_alert(alert)
        for view in codes:
            self._take_code(view)
        return unknown

    async def close(self) -> None:
        """See `ViewSink`."""

    def lose(self) -> None:
        """Forget everything, as a Redis without persistence does when it restarts."""
        for known in (self.codes, self.storms, self.storm, self.alerts, self._ended, self._claimed):
            known.clear()

    def _take_code(self, view: CodeView) -> None:
        for storm_id in view.ended_storms:
            self._end(storm_id)
        if view.active_storm:
            self._begin(*view.active_storm)
        known = self.codes.get(view.code)
        if known is None:
            self.codes[view.code] = view
        elif view.version >= known.version:
            self.codes[view.code] = replace(
                view,
                first_seen_s=min(view.first_seen_s, known.first_seen_s),
                series={**known.series, **view.series},
            )
        else:
            series = known.series
            larger = {minute: max(events, series.get(minute, 0)) for minute, events in view.series.items()}
            self.codes[view.code] = replace(known, series={**series, **larger})

    def _take_alert(self, alert: StormAlert) -> None:
        self.alerts.setdefault(alert.alert_id, alert)
        known = self.storm.get(alert.storm_id)
        if known is None or alert_order(alert) >= alert_order(known):
            self.storm[alert.storm_id] = alert
        if alert.transition is Transition.RESOLVED:
            self._end(alert.storm_id)
        else:
            self._begin(alert.storm_id, alert.started_at.timestamp())

    def _begin(self, storm_id: str, started_at_s: float) -> None:
        if storm_id not in self._ended:
            self.storms[storm_id] = started_at_s

    def _end(self, storm_id: str) -> None:
        self.storms.pop(storm_id, None)
        self._ended.add(storm_id)


class MemoryAlerts:
    """An `AlertSink` that keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[StormAlert] = []

    async def send(self, alerts: Sequence[StormAlert]) -> None:
        """See `AlertSink`."""
        self.sent.extend(alerts)

    async def close(self) -> None:
        """See `AlertSink`."""
