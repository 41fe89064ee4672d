"""Which codes the Redis view does not show yet as they are, and what it should show of them."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from itertools import chain
from typing import Final, Literal, cast

import msgspec

from fault316_schemas import StormAlert
from fault316_streams.alert import AlertState
from fault316_streams.pipeline import Pipeline
from fault316_streams.sinks.layout import ALERTS_MAX
from fault316_streams.sinks.view import CodeView
from fault316_streams.sinks.writer import Batch
from fault316_streams.state import CodeState

REFRESH_S: Final = 5
"""Rates fall while nothing comes: a code with events in the last hour is stated anew this often."""
REFRESH_ALL_S: Final = 300
"""All others, so that no key of a code that is still known runs into its TTL."""
RATES_REACH_S: Final = 3_700


class ViewChanges:
    """The detect stage's side of the view: a set of codes by partition, never a copy of a value."""

    def __init__(self, pipelines: Mapping[int, Pipeline]) -> None:
        """`pipelines` by partials partition, those owned now; the owner changes it in place."""
        self._pipelines = pipelines
        self._dirty: dict[int, dict[str, set[int] | None]] = {}
        self._alerts: deque[StormAlert] = deque(maxlen=ALERTS_MAX)
        self._taken: list[StormAlert] = []
        """Alerts that are being written."""
        self._turn = 0
        self._refreshed: dict[int, tuple[int, int]] = {}

    def note(self, partition: int, changed: Mapping[str, Iterable[int]]) -> None:
        """These codes changed, in these minutes."""
        dirty = self._dirty.setdefault(partition, {})
        for code, minutes in changed.items():
            known = dirty.setdefault(code, set())
            if known is not None:
                known.update(minutes)

    def announce(self, alerts: Iterable[StormAlert]) -> None:
        """These alerts are safe in their codes' state and may be shown."""
        self._alerts.extend(alerts)

    def forget(self, partition: int) -> None:
        """The partition went to another worker."""
        self._dirty.pop(partition, None)
        self._refreshed.pop(partition, None)

    def take(self, codes_max: int) -> Batch:
        """See `Changes`."""
        self._shown()
        views: list[CodeView] = []
        # Each time another partition is the first, and in a partition the code that has waited longest.
        self._turn += 1
        turn = self._turn % max(1, len(self._pipelines))
        pipelines = list(self._pipelines.items())
        for partition, pipeline in pipelines[turn:] + pipelines[:turn]:
            self._refresh(partition, pipeline)
            dirty = self._dirty.get(partition, {})
            while dirty and len(views) < codes_max:
                code = next(iter(dirty))
                minutes = dirty.pop(code)
                state = pipeline.codes.get(code)
                if state is not None:
                    views.append(view_of(state, partition, pipeline, minutes))
        alerts = self._taken = [self._alerts.popleft() for _ in range(min(len(self._alerts), codes_max))]
        more = bool(self._alerts) or any(self._dirty.get(partition) for partition in self._pipelines)
        return Batch(views, alerts, frozenset(self._pipelines), more)

    def give_back(self, batch: Batch) -> None:
        """See `Changes`."""
        for view in batch.codes:
            if view.partition in self._pipelines:
                self.note(view.partition, {view.code: view.series})
        self._alerts = deque([*batch.alerts, *self._alerts], maxlen=ALERTS_MAX)
        self._taken = []

    def rebuild(self, partitions: Collection[int]) -> None:
        """See `Changes`."""
        for partition in partitions:
            pipeline = self._pipelines.get(partition)
            if pipeline is None:
                continue
            self._dirty[partition] = dict.fromkeys(pipeline.codes)
            # The stream drops those that it has by their ids.
            due = chain.from_iterable(_safe(state.alerts) for state in pipeline.codes.values())
            self.announce(sorted(map(StormAlert.from_json, due), key=lambda alert: alert.at))

    def _shown(self) -> None:
        """What was taken before was written, or it would have been given back."""
        for alert in self._taken:
            for pipeline in self._pipelines.values():
                if state := pipeline.codes.get(alert.code):
                    unshown = state.alerts.unshown
                    state.alerts.unshown = [each for each in unshown if _id(each) != alert.alert_id]
        self._taken = []

    def _refresh(self, partition: int, pipeline: Pipeline) -> None:
        now_s = pipeline.timeline.high_s
        lately_s, all_s = self._refreshed.get(partition, (0, now_s))
        if now_s - lately_s < REFRESH_S:
            return
        if now_s - all_s >= REFRESH_ALL_S:
            since_ms, all_s = 0, now_s
        else:
            since_ms = (now_s - RATES_REACH_S) * 1_000
        codes = (code for code, state in pipeline.codes.items() if state.window.last_ms >= since_ms)
        self.note(partition, dict.fromkeys(codes, ()))
        self._refreshed[partition] = (now_s, all_s)


def _safe(alerts: AlertState) -> list[bytes]:
    """What the view has to be told of a code's alerts. One that is pending is told when its state is safe."""
    due = alerts.unshown or [alerts.latest]
    return [alert for alert in due if alert and alert not in alerts.pending]


class _Named(msgspec.Struct):
    """As much of an alert as says which it is; all of it would take twenty times as long to read."""

    alert_id: str


_named = msgspec.json.Decoder(_Named)


def _id(alert: bytes) -> str:
    return _named.decode(alert).alert_id


def view_of(state: CodeState, partition: int, pipeline: Pipeline, minutes: set[int] | None) -> CodeView:
    """What the view shows of a code; of its series only `minutes`, or all there are for None."""
    window, judge = state.window, state.judge
    panes = window.panes.minutes
    baseline = judge.baseline
    return CodeView(
        code=state.code,
        partition=partition,
        version=state.offset,
        total=window.total,
        severity=cast(tuple[int, int, int, int], tuple(window.severity)),
        late=window.late,
        skewed=window.skewed,
        first_seen_s=window.first_ms / 1_000,
        last_seen_s=window.last_ms / 1_000,
        rates=window.panes.rates(pipeline.timeline.high_s).per_s,
        baseline_per_s=judge.storm.baseline_per_s if judge.storm else baseline.rate(pipeline.prior_per_s),
        state=cast(Literal["quiet", "pending", "storm"], judge.phase),
        series={
            minute: panes[minute] for minute in (panes if minutes is None else minutes) if minute in panes
        },
        active_storm=(state.alerts.storm_id, state.alerts.started_s) if state.alerts.storm_id else None,
        ended_storms=tuple(state.alerts.ended),
    )
