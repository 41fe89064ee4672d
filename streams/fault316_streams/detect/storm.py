"""A storm that is on: when it escalates, and when it is over."""

import math
from typing import Final

from fault316_schemas import Reason, Severity, Transition
from fault316_streams.detect.baseline import Baseline, Expected
from fault316_streams.detect.judge import JudgeState, Storm, Verdict
from fault316_streams.detect.policy import StormPolicy
from fault316_streams.window import WindowState
from fault316_streams.window.panes import SECONDS_KEPT_S

SEVERITIES: Final = tuple(Severity)


def escalated(policy: StormPolicy, storm: Storm, window: WindowState, now_s: int) -> Verdict | None:
    """Look at a storm again, on what is known of second `now_s` so far."""
    seen_s = max(1, min(storm.window_s, now_s - storm.started_s + 1))
    observed_per_s = window.panes.count(now_s, seen_s) / seen_s
    storm.peak_per_s = max(storm.peak_per_s, observed_per_s)
    if now_s < max(storm.started_s + storm.window_s, storm.told_s):
        return None  # the window is still filling, or something later is told already
    severity = worst(window.recent.severity(), policy.severity_share)
    if severity < storm.severity:
        storm.severity, reason = severity, Reason.SEVERITY_ROSE
    elif observed_per_s >= policy.escalate_factor * storm.class_per_s:
        reason = Reason.RATE_ROSE
    else:
        return None
    storm.class_per_s = max(storm.class_per_s, observed_per_s)
    storm.told_s = now_s
    return verdict(storm, Transition.ESCALATED, reason, now_s, observed_per_s)


def resolved(policy: StormPolicy, state: JudgeState, window: WindowState, low_s: int) -> Verdict | None:
    """Walk on through the seconds that all partitions have passed; end the storm where it has been calm."""
    storm = state.storm
    assert storm is not None
    for second in range(storm.settled_s + 1, low_s + 1):
        storm.settled_s = second
        observed_per_s = window.panes.count(second, storm.window_s) / storm.window_s
        if policy.new_normal_s and second - storm.opened_s >= policy.new_normal_s:
            storm.calm_since_s = second
            state.storm, state.last_end_s = None, second
            # Forget the old normal, and learn the last quarter of an hour of this one.
            state.baseline = Baseline(learnt_s=max(storm.started_s, second - SECONDS_KEPT_S) // 10 * 10)
            return verdict(storm, Transition.RESOLVED, Reason.NEW_NORMAL, second, observed_per_s)
        if observed_per_s >= storm.calm_per_s:
            storm.calm_since_s = 0
            continue
        storm.calm_since_s = storm.calm_since_s or second
        if second - storm.calm_since_s >= policy.hold_s:
            storm.calm_since_s = _last_stormy(storm, window) + 1
            state.storm, state.last_end_s = None, second
            state.baseline.skip(second)
            return verdict(storm, Transition.RESOLVED, Reason.RATE_FELL, second, observed_per_s)
    return None


def worst(severity: list[int], share: float) -> Severity:
    """The worst severity that at least `share` of the events have."""
    total = sum(severity)
    for level, events in zip(SEVERITIES, severity, strict=True):
        if total and events >= share * total:
            return level
    return Severity.P3


def verdict(
    storm: Storm,
    transition: Transition,
    reason: Reason,
    at_s: int,
    observed_per_s: float,
    score: float | None = None,
) -> Verdict:
    """The verdict on a storm at `at_s`; without a `score`, held against the baseline that was frozen."""
    if score is None:
        mean = storm.baseline_per_s * storm.window_s
        score = Expected(mean, mean).score(round(observed_per_s * storm.window_s))
    return Verdict(
        transition=transition,
        reason=reason,
        at_s=at_s,
        started_s=storm.started_s,
        window_s=storm.window_s,
        observed_per_s=observed_per_s,
        baseline_per_s=storm.baseline_per_s,
        score=score,
        severity=Severity(storm.severity),
        peak_per_s=storm.peak_per_s,
        ended_s=storm.calm_since_s if transition is Transition.RESOLVED else 0,
    )


def _last_stormy(storm: Storm, window: WindowState) -> int:
    """The window drained before it was calm: the storm itself ended with its last stormy second, one that is
    nearer to the storm's rate than to the calm one (on a logarithmic scale).
    """
    between_per_s = math.sqrt(storm.calm_per_s * max(storm.calm_per_s, storm.class_per_s))
    seconds = window.panes.seconds_from(storm.calm_since_s - storm.window_s, storm.calm_since_s)
    stormy = [second for second in seconds if window.panes.seconds[second] >= between_per_s]
    return stormy[-1] if stormy else storm.calm_since_s - 1
