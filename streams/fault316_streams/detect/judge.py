"""The judge: is this second of this code part of a storm, and why?

Two questions, because counts only grow. `look` may say at once that a storm opens or escalates, on what is known
so far of one second. `settle` walks through the seconds that every source partition has passed, one by one: only
there can a storm end, a rule's `for` time be broken, and the baseline learn.
"""

import math
from typing import Protocol

import msgspec

from fault316_schemas import Reason, Severity, Transition
from fault316_streams.detect.baseline import Baseline, Expected
from fault316_streams.detect.onset import onset
from fault316_streams.detect.policy import Rule, StormPolicy
from fault316_streams.window import WindowState
from fault316_streams.window.panes import SECONDS_KEPT_S

SEVERITIES = tuple(Severity)


class Storm(msgspec.Struct, array_like=True):
    """What the judge keeps of a storm that is on."""

    started_s: int
    opened_s: int
    window_s: int
    """The window it is measured over: the one that opened it."""
    calm_per_s: float
    """Below this rate it is over, if it stays there."""
    baseline_per_s: float
    """The baseline when it opened; frozen, so that a storm does not teach itself as normal."""
    class_per_s: float
    """The rate that was reported last."""
    severity: str
    peak_per_s: float
    settled_s: int
    calm_since_s: int = 0
    """First second of the present calm; 0: it is not calm."""


class JudgeState(msgspec.Struct, array_like=True):
    """What the judge keeps of a code."""

    baseline: Baseline = msgspec.field(default_factory=Baseline)
    storm: Storm | None = None
    last_end_s: int = 0
    """The last storm's end; nothing before it is judged again."""
    rule_since: dict[int, int] = {}
    """Index of a rule that is exceeded → since which second."""

    @property
    def phase(self) -> str:
        """quiet, pending (a rule is exceeded, but not yet for long enough) or storm."""
        return "storm" if self.storm else "pending" if self.rule_since else "quiet"


class Verdict(msgspec.Struct, frozen=True):
    """A transition with its reason and the figures behind it."""

    transition: Transition
    reason: Reason
    at_s: int
    started_s: int
    window_s: int
    observed_per_s: float
    baseline_per_s: float
    score: float
    severity: Severity
    peak_per_s: float
    ended_s: int = 0
    """Of a resolved storm: the first second after it."""


class Judge(Protocol):
    """What the pipeline asks of a judge. A better one replaces `BaselineJudge` behind these two methods."""

    def look(
        self, policy: StormPolicy, state: JudgeState, window: WindowState, now_s: int, prior_per_s: float
    ) -> Verdict | None:
        """Judge second `now_s` on what is known of it so far: opened, escalated or nothing new."""
        ...

    def settle(
        self, policy: StormPolicy, state: JudgeState, window: WindowState, low_s: int
    ) -> Verdict | None:
        """Take in that nothing more is to come before `low_s`: resolved or nothing new."""
        ...


class BaselineJudge:
    """Opens when a short and a long window exceed what the code's own baseline explains, or by a fixed rule."""

    def look(
        self, policy: StormPolicy, state: JudgeState, window: WindowState, now_s: int, prior_per_s: float
    ) -> Verdict | None:
        """See `Judge`."""
        state.baseline.begin(now_s)
        if state.storm is not None:
            return self._look_again(policy, state.storm, window, now_s)
        if now_s <= state.last_end_s:
            return None
        return self._by_baseline(policy, state, window, now_s, prior_per_s) or self._by_rule(
            policy, state, window, now_s, prior_per_s
        )

    def settle(
        self, policy: StormPolicy, state: JudgeState, window: WindowState, low_s: int
    ) -> Verdict | None:
        """See `Judge`. After a verdict it may be asked again: there may be more to settle."""
        if state.storm is not None:
            return self._settle_storm(policy, state, state.storm, window, low_s)
        for index, since_s in list(state.rule_since.items()):
            rule = policy.rules[index] if index < len(policy.rules) else None
            if rule is None or (low_s >= since_s and not _exceeds(rule, window, low_s)):
                del state.rule_since[index]
        if state.baseline.learnt_s:
            state.baseline.learn(window.panes, low_s - policy.learn_delay_s, policy.half_life_s)
        return None

    def _by_baseline(
        self, policy: StormPolicy, state: JudgeState, window: WindowState, now_s: int, prior_per_s: float
    ) -> Verdict | None:
        panes, baseline = window.panes, state.baseline
        short = panes.count(now_s, policy.short_s)
        if short < policy.floor:
            return None
        # Seconds not learnt yet, less the window under judgement, are knowledge all the same.
        fresh_s = max(0, min(now_s - policy.short_s + 1 - baseline.learnt_s, policy.learn_delay_s))
        fresh = panes.count(now_s - policy.short_s, fresh_s) if fresh_s else 0
        expected = baseline.expect(policy.short_s, prior_per_s, fresh, fresh_s)
        if short < policy.factor * expected.mean:
            return None
        threshold = -math.log10(policy.alpha)
        score = expected.score(short)
        if score < threshold:
            return None
        long = panes.count(now_s, policy.long_s)
        score = min(score, baseline.expect(policy.long_s, prior_per_s, fresh, fresh_s).score(long))
        if score < threshold:
            return None
        normal_per_s = expected.mean / policy.short_s
        calm_per_s = max(policy.resolve_factor * normal_per_s, policy.floor / policy.short_s / 2)
        return self._open(
            policy,
            state,
            window,
            now_s,
            Reason.ABOVE_BASELINE,
            policy.short_s,
            normal_per_s,
            calm_per_s,
            score,
        )

    def _by_rule(
        self, policy: StormPolicy, state: JudgeState, window: WindowState, now_s: int, prior_per_s: float
    ) -> Verdict | None:
        for index, rule in enumerate(policy.rules):
            if not _exceeds(rule, window, now_s):
                continue
            since_s = min(now_s, state.rule_since.get(index, now_s))
            state.rule_since[index] = since_s
            if now_s - since_s >= rule.for_s:
                normal_per_s = state.baseline.rate(prior_per_s)
                expected = state.baseline.expect(rule.window_s, prior_per_s)
                score = expected.score(window.panes.count(now_s, rule.window_s))
                # Hysteresis: a rate that swings about the threshold is one storm.
                calm_per_s = 0.8 * rule.per_s
                return self._open(
                    policy,
                    state,
                    window,
                    now_s,
                    Reason.ABOVE_RULE,
                    rule.window_s,
                    normal_per_s,
                    calm_per_s,
                    score,
                )
        return None

    def _open(
        self,
        policy: StormPolicy,
        state: JudgeState,
        window: WindowState,
        now_s: int,
        reason: Reason,
        window_s: int,
        normal_per_s: float,
        calm_per_s: float,
        score: float,
    ) -> Verdict:
        earliest_s = max(state.last_end_s + 1, now_s - max(window_s, policy.long_s) + 1)
        started_s = onset(window.panes, earliest_s, now_s, normal_per_s)
        # The window is still filling: the rate since the beginning is the better figure.
        seen_s = min(window_s, now_s - started_s + 1)
        observed_per_s = window.panes.count(now_s, seen_s) / seen_s
        state.storm = Storm(
            started_s=started_s,
            opened_s=now_s,
            window_s=window_s,
            calm_per_s=calm_per_s,
            baseline_per_s=normal_per_s,
            class_per_s=observed_per_s,
            severity=worst(window.recent.severity(), policy.severity_share),
            peak_per_s=observed_per_s,
            settled_s=now_s,
        )
        state.rule_since.clear()
        state.baseline.learn(window.panes, started_s, policy.half_life_s)
        return _verdict(state.storm, Transition.OPENED, reason, now_s, observed_per_s, score)

    def _look_again(
        self, policy: StormPolicy, storm: Storm, window: WindowState, now_s: int
    ) -> Verdict | None:
        observed_per_s = window.panes.count(now_s, storm.window_s) / storm.window_s
        storm.peak_per_s = max(storm.peak_per_s, observed_per_s)
        if now_s < storm.started_s + storm.window_s:
            return None
        severity = worst(window.recent.severity(), policy.severity_share)
        if severity < storm.severity:
            storm.severity, reason = severity, Reason.SEVERITY_ROSE
        elif observed_per_s >= policy.escalate_factor * storm.class_per_s:
            reason = Reason.RATE_ROSE
        else:
            return None
        storm.class_per_s = max(storm.class_per_s, observed_per_s)
        return _verdict(storm, Transition.ESCALATED, reason, now_s, observed_per_s)

    def _settle_storm(
        self, policy: StormPolicy, state: JudgeState, storm: Storm, window: WindowState, low_s: int
    ) -> Verdict | None:
        for second in range(storm.settled_s + 1, low_s + 1):
            storm.settled_s = second
            observed_per_s = window.panes.count(second, storm.window_s) / storm.window_s
            if policy.new_normal_s and second - storm.opened_s >= policy.new_normal_s:
                return self._end(state, storm, window, Reason.NEW_NORMAL, second, second, observed_per_s)
            if observed_per_s >= storm.calm_per_s:
                storm.calm_since_s = 0
                continue
            storm.calm_since_s = storm.calm_since_s or second
            if second - storm.calm_since_s >= policy.hold_s:
                return self._end(
                    state, storm, window, Reason.RATE_FELL, second, storm.calm_since_s, observed_per_s
                )
        return None

    def _end(
        self,
        state: JudgeState,
        storm: Storm,
        window: WindowState,
        reason: Reason,
        now_s: int,
        calm_s: int,
        observed_per_s: float,
    ) -> Verdict:
        # The window drained before it was calm: the storm itself ended with its last stormy second, one that is
        # nearer to the storm's rate than to the calm one (on a logarithmic scale).
        between_per_s = math.sqrt(storm.calm_per_s * max(storm.calm_per_s, storm.class_per_s))
        stormy = [
            second
            for second in window.panes.seconds_from(calm_s - storm.window_s, calm_s)
            if window.panes.seconds[second] >= between_per_s
        ]
        storm.calm_since_s = stormy[-1] + 1 if stormy else calm_s
        verdict = _verdict(storm, Transition.RESOLVED, reason, now_s, observed_per_s)
        state.storm = None
        state.last_end_s = now_s
        if reason is Reason.NEW_NORMAL:
            # Forget the old normal and learn the last quarter of an hour of this one.
            state.baseline = Baseline(learnt_s=max(storm.started_s, now_s - SECONDS_KEPT_S) // 10 * 10)
        else:
            state.baseline.skip(now_s)
        return verdict


def worst(severity: list[int], share: float) -> Severity:
    """The worst severity that at least `share` of the events have."""
    total = sum(severity)
    for level, events in zip(SEVERITIES, severity, strict=True):
        if total and events >= share * total:
            return level
    return Severity.P3


def _exceeds(rule: Rule, window: WindowState, now_s: int) -> bool:
    return window.panes.count(now_s, rule.window_s) > rule.per_s * rule.window_s


def _verdict(
    storm: Storm,
    transition: Transition,
    reason: Reason,
    at_s: int,
    observed_per_s: float,
    score: float | None = None,
) -> Verdict:
    if score is None:
        # Later in its life a storm is held against the baseline that was frozen when it opened.
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
