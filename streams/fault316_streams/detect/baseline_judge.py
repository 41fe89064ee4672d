"""The first judge: a code against its own baseline, and against fixed rules."""

import math
from dataclasses import dataclass

from fault316_schemas import Reason, Transition
from fault316_streams.detect import storm as storms
from fault316_streams.detect.judge import JudgeState, Storm, Verdict
from fault316_streams.detect.onset import onset
from fault316_streams.detect.policy import Rule, StormPolicy
from fault316_streams.window import Panes, WindowState


@dataclass(frozen=True, slots=True)
class _Grounds:
    """Why a storm opens, and when it will be over."""

    reason: Reason
    window_s: int
    normal_per_s: float
    calm_per_s: float
    score: float


class BaselineJudge:
    """Opens when a short and a long window exceed what the code's own baseline explains, or by a fixed rule."""

    def look(
        self, policy: StormPolicy, state: JudgeState, window: WindowState, now_s: int, prior_per_s: float
    ) -> Verdict | None:
        """See `Judge`."""
        state.baseline.begin(now_s)
        if state.storm is not None:
            return storms.escalated(policy, state.storm, window, now_s)
        if now_s <= state.last_end_s:
            return None
        grounds = _above_baseline(policy, state, window.panes, now_s, prior_per_s)
        grounds = grounds or _above_rule(policy, state, window.panes, now_s, prior_per_s)
        return _open(policy, state, window, now_s, grounds) if grounds else None

    def settle(
        self, policy: StormPolicy, state: JudgeState, window: WindowState, low_s: int
    ) -> Verdict | None:
        """See `Judge`. After a verdict it may be asked again: there may be more to settle."""
        if state.storm is not None:
            return storms.resolved(policy, state, window, low_s)
        for index, since_s in list(state.rule_since.items()):
            rule = policy.rules[index] if index < len(policy.rules) else None
            if rule is None or (low_s >= since_s and not _exceeds(rule, window.panes, low_s)):
                del state.rule_since[index]
        if state.baseline.learnt_s:
            state.baseline.learn(window.panes, low_s - policy.learn_delay_s, policy.half_life_s)
        return None


def _above_baseline(
    policy: StormPolicy, state: JudgeState, panes: Panes, now_s: int, prior_per_s: float
) -> _Grounds | None:
    baseline = state.baseline
    short = panes.count(now_s, policy.short_s)
    if short < policy.floor:
        return None
    # Seconds not learnt yet, less the window under judgement, are knowledge all the same.
    fresh_s = max(0, min(now_s - policy.short_s + 1 - baseline.learnt_s, policy.learn_delay_s))
    fresh = panes.count(now_s - policy.short_s, fresh_s) if fresh_s else 0
    expected = baseline.expect(policy.short_s, prior_per_s, fresh, fresh_s)
    threshold = -math.log10(policy.alpha)
    score = expected.score(short)
    if short < policy.factor * expected.mean or score < threshold:
        return None
    long = panes.count(now_s, policy.long_s)
    score = min(score, baseline.expect(policy.long_s, prior_per_s, fresh, fresh_s).score(long))
    if score < threshold:
        return None
    normal_per_s = expected.mean / policy.short_s
    calm_per_s = max(policy.resolve_factor * normal_per_s, policy.floor / policy.short_s / 2)
    return _Grounds(Reason.ABOVE_BASELINE, policy.short_s, normal_per_s, calm_per_s, score)


def _above_rule(
    policy: StormPolicy, state: JudgeState, panes: Panes, now_s: int, prior_per_s: float
) -> _Grounds | None:
    for index, rule in enumerate(policy.rules):
        if not _exceeds(rule, panes, now_s):
            continue
        since_s = state.rule_since.setdefault(index, now_s)
        if now_s - since_s >= rule.for_s:
            # Late events may have set the beginning long ago; in between it may not have been exceeded.
            held = range(now_s, now_s - rule.for_s - 1, -1)
            broken_s = next((second for second in held if not _exceeds(rule, panes, second)), None)
            if broken_s is not None:
                state.rule_since[index] = broken_s + 1
                continue
            normal_per_s = state.baseline.rate(prior_per_s)
            expected = state.baseline.expect(rule.window_s, prior_per_s)
            score = expected.score(panes.count(now_s, rule.window_s))
            # Hysteresis: a rate that swings about the threshold is one storm.
            return _Grounds(Reason.ABOVE_RULE, rule.window_s, normal_per_s, 0.8 * rule.per_s, score)
    return None


def _open(
    policy: StormPolicy, state: JudgeState, window: WindowState, now_s: int, grounds: _Grounds
) -> Verdict:
    panes = window.panes
    earliest_s = max(state.last_end_s + 1, now_s - max(grounds.window_s, policy.long_s) + 1)
    started_s = onset(panes, earliest_s, now_s, grounds.normal_per_s)
    # The window is still filling: the rate since the beginning is the better figure.
    seen_s = min(grounds.window_s, now_s - started_s + 1)
    observed_per_s = panes.count(now_s, seen_s) / seen_s
    state.storm = Storm(
        started_s=started_s,
        opened_s=now_s,
        window_s=grounds.window_s,
        calm_per_s=grounds.calm_per_s,
        baseline_per_s=grounds.normal_per_s,
        class_per_s=observed_per_s,
        severity=storms.worst(window.recent.severity(), policy.severity_share),
        peak_per_s=observed_per_s,
        settled_s=now_s,
        told_s=now_s,
    )
    state.rule_since.clear()
    state.baseline.learn(panes, started_s, policy.half_life_s)
    return storms.verdict(
        state.storm, Transition.OPENED, grounds.reason, now_s, observed_per_s, grounds.score
    )


def _exceeds(rule: Rule, panes: Panes, now_s: int) -> bool:
    return panes.count(now_s, rule.window_s) > rule.per_s * rule.window_s
