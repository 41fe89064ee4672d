"""A storm's life: which alerts there are, under which ids, and which of them are still to be sent.

Alerts are written ahead. A verdict puts the alert into the code's state as pending; only when the changelog has
acknowledged that state is it sent, and only then is it marked as sent. A crash in between repeats the same alert
under the same id, never a different one.
"""

from datetime import UTC, datetime
from typing import Final

import msgspec

from fault316_schemas import Exemplar, Facets, FacetValue, Registry, StormAlert, Transition
from fault316_schemas.alert import EXEMPLARS_MAX, FACET_VALUES_MAX
from fault316_streams.alert.summary import summarize
from fault316_streams.detect import Verdict
from fault316_streams.window import WindowState
from fault316_streams.window.recent import FACETS, OTHER

FACTOR_MAX: Final = 1e6
"""A factor over a baseline of next to nothing says no more than this."""
ENDED_MAX: Final = 8
"""Ended storms that are remembered for the Redis view to take out of the active ones."""
UNSHOWN_MAX: Final = 8
"""A storm's alerts, as a rule; at some 3 KB an alert 24 KB a code, and only while the view is away."""


class AlertState(msgspec.Struct, array_like=True):
    """What is kept of a code's storms."""

    storm_id: str = ""
    """The active storm; empty: none."""
    started_s: int = 0
    sequence: int = 0
    """Alerts of this storm so far."""
    before: int = 0
    """The code's total when the storm started."""
    pending: list[bytes] = []
    """Alerts (JSON) that are not acknowledged by the alerts topic yet."""
    latest: bytes = b""
    """The last alert, for the Redis view to be rebuilt from."""
    ended: list[str] = []
    unshown: list[bytes] = []
    """The newest alerts that the Redis view may not have yet, for the next owner to tell it. With the latest one
    alone, of two alerts between two writes of the view the first would be missing after a crash."""


def advance(
    state: AlertState, verdict: Verdict, window: WindowState, code: str, registry: Registry
) -> StormAlert:
    """Turn a verdict into the alert of its storm, and put it among the pending ones."""
    if verdict.transition is Transition.OPENED:
        state.storm_id = f"{code}@{_instant(verdict.at_s):%Y%m%dT%H%M%SZ}"
        state.started_s = verdict.started_s
        state.sequence = 0
        state.before = window.total - _events_from(window, verdict.started_s)
    state.sequence += 1
    alert = _alert(state, verdict, window, code, registry)
    state.latest = alert.to_json()
    state.pending.append(state.latest)
    state.unshown = [*state.unshown, state.latest][-UNSHOWN_MAX:]
    if verdict.transition is Transition.RESOLVED:
        state.ended = [*state.ended, state.storm_id][-ENDED_MAX:]
        state.storm_id = ""
    return alert


def _alert(
    state: AlertState, verdict: Verdict, window: WindowState, code: str, registry: Registry
) -> StormAlert:
    info = registry.get(code)
    resolved = verdict.transition is Transition.RESOLVED
    baseline = max(verdict.baseline_per_s, 1e-9)
    alert = StormAlert(
        alert_id=f"{state.storm_id}/{state.sequence}-{verdict.transition}",
        storm_id=state.storm_id,
        transition=verdict.transition,
        reason=verdict.reason,
        code=code,
        title=info.title,
        severity=verdict.severity,
        layer=info.layer,
        started_at=_instant(verdict.started_s),
        at=_instant(verdict.at_s),
        resolved_at=_instant(verdict.ended_s) if resolved else None,
        window_s=verdict.window_s,
        observed_per_s=round(verdict.observed_per_s, 3),
        baseline_per_s=round(verdict.baseline_per_s, 6),
        factor=round(min(FACTOR_MAX, verdict.observed_per_s / baseline), 1),
        score=round(verdict.score, 1),
        events=_events(state, verdict, window),
        peak_per_s=round(verdict.peak_per_s, 3),
        users=window.recent.users(verdict.started_s),
        facets=Facets(**{name: _top(window.recent.facet(name)) for name in FACETS}),
        exemplars=[
            Exemplar(
                id=sample.id,
                request_id=sample.request_id,
                trace_id=sample.trace_id,
                message=sample.message,
            )
            for sample in window.recent.samples()[:EXEMPLARS_MAX]
        ],
        runbook=info.runbook,
        summary="-",
    )
    return alert.model_copy(update={"summary": summarize(alert)})


def _top(values: dict[str, int]) -> list[FacetValue]:
    total = sum(values.values())
    named = sorted(((events, value) for value, events in values.items() if value != OTHER), reverse=True)
    return [
        FacetValue(value=value, events=events, share=round(events / total, 3))
        for events, value in named[:FACET_VALUES_MAX]
    ]


def _events(state: AlertState, verdict: Verdict, window: WindowState) -> int:
    """From a storm's beginning up to its judgement."""
    if verdict.started_s >= window.panes.cut_s:
        return window.panes.between(verdict.started_s, verdict.at_s + 1)
    # The seconds of its beginning are let go; what was known before it then is all there is to go by.
    return max(0, window.total - state.before - _events_from(window, verdict.at_s + 1))


def _events_from(window: WindowState, second: int) -> int:
    """All that are known: in a backlog, a chunk tells of more than what is judged."""
    return window.panes.between(second, window.last_ms // 1_000 + 1)


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
