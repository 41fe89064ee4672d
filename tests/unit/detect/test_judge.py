"""The judge, told as stories: what happened each second, and what he said when.

Each story runs through the pipeline with one source partition that has caught up, a partial and a tick a second.
"""

from collections.abc import Iterable

import pytest

from fault316_schemas import Reason, StormAlert, Transition
from fault316_streams.detect import BaselineJudge, JudgeState, PolicyBook, Rule, StormPolicy
from fault316_streams.detect.storm import worst
from fault316_streams.window import WindowState
from story import CODE, Story, T


def told(story: Story) -> list[tuple[int, str, str]]:
    """(second, transition, reason) of each alert."""
    return [(round(a.at.timestamp()) - T, a.transition.value, a.reason.value) for a in story.alerts]


def seconds(alerts: Iterable[StormAlert]) -> list[int]:
    return [round(alert.at.timestamp()) - T for alert in alerts]


def test_a_storm_opens_in_its_first_second_and_ends_once_it_has_been_calm() -> None:
    """0 ── 1/s ── 600 ═══ 200/s ═══ 660 ── 1/s ── 800
    opened            resolved (10 s to drain, 30 s to hold)"""
    story = Story().at(1, 600).at(200, 60).at(1, 140)
    assert told(story)[0] == (600, "opened", "above_baseline")
    assert told(story)[-1][1:] == ("resolved", "rate_fell")
    assert 660 + 30 <= told(story)[-1][0] <= 660 + 45
    opened, resolved = story.alerts[0], story.alerts[-1]
    assert opened.started_at.timestamp() == T + 600
    assert opened.baseline_per_s == pytest.approx(1.0, rel=0.2)
    assert resolved.resolved_at is not None
    assert resolved.resolved_at.timestamp() == T + 660
    assert resolved.events == 200 * 60 + story.between(660, resolved)


@pytest.mark.parametrize("per_s", [1.5, 5.0, 50.0])
def test_steady_noise_is_never_a_storm(per_s: float) -> None:
    """Poisson noise for two hours, far above the floor and below it: no alarm."""
    assert told(Story(normal_per_s=per_s, seed=316).noise(per_s, 7_200)) == []


def test_below_the_floor_nothing_is_a_storm() -> None:
    """19 events in ten seconds after long silence: odd, but not worth waking anyone."""
    assert told(Story().at(0, 600).burst(19).at(0, 60)) == []


def test_a_new_code_needs_the_floor_only() -> None:
    """No history: the 20th event of a code never seen opens the storm."""
    assert told(Story().burst(19).burst(1))[0] == (1, "opened", "above_baseline")


def test_a_factor_below_k_is_not_a_storm_however_sure() -> None:
    """Twice the baseline is significant at 100/s, and not a storm by policy."""
    story = Story(normal_per_s=100).at(100, 300).at(200, 120)
    assert told(story) == []
    assert told(story.at(900, 20))[0][1:] == ("opened", "above_baseline")


def test_one_spike_is_not_carried_by_the_short_window_alone() -> None:
    """The long window must be surprised, too: the same spike, with and without it."""
    sure = PolicyBook(policies={"default": StormPolicy(short_s=5, long_s=300)})
    quick = PolicyBook(policies={"default": StormPolicy(short_s=5, long_s=5)})
    assert told(Story(book=sure, normal_per_s=2).at(2, 300).burst(60).at(2, 60)) == []
    assert told(Story(book=quick, normal_per_s=2).at(2, 300).burst(60).at(2, 60))[0][1] == "opened"


def test_it_does_not_flap() -> None:
    """A storm that pauses for less than the hold time is one storm."""
    story = Story().at(1, 300)
    for _ in range(6):
        story.at(100, 15).at(0, 20)
    story.at(0, 100)
    assert [t for _, t, _ in told(story)].count("opened") == 1
    assert [t for _, t, _ in told(story)].count("resolved") == 1


def test_the_baseline_is_frozen_while_a_storm_is_on() -> None:
    """Half an hour of storm, and normal is what it was before."""
    story = Story().at(1, 600).at(300, 1_800).at(1, 200)
    assert story.alerts[-1].transition is Transition.RESOLVED
    assert story.state.judge.baseline.rate() == pytest.approx(1.0, rel=0.2)


def test_a_storm_without_end_becomes_the_new_normal() -> None:
    """After an hour it resolves as such, and does not open again."""
    story = Story().at(1, 600).at(50, 3_600 + 600)
    assert told(story)[-1][1:] == ("resolved", "new_normal")
    assert story.state.judge.storm is None
    assert story.state.judge.baseline.rate() == pytest.approx(50, rel=0.2)


def test_it_escalates_when_the_rate_rises_a_class() -> None:
    """Four times what was reported, and again only four times above that."""
    story = Story().at(1, 600).at(20, 60).at(100, 60).at(150, 60)
    escalated = [alert for alert in story.alerts if alert.transition is Transition.ESCALATED]
    assert [alert.reason for alert in escalated] == [Reason.RATE_ROSE]
    assert 660 < seconds(escalated)[0] <= 670


def test_it_escalates_when_a_worse_severity_joins() -> None:
    """P0 among the P2s, at a real share."""
    story = Story(severity=2).at(1, 600).at(100, 60)
    story.severity = 0
    story.at(100, 60)
    escalated = [alert for alert in story.alerts if alert.transition is Transition.ESCALATED]
    assert [(alert.reason, alert.severity) for alert in escalated] == [(Reason.SEVERITY_ROSE, "P0")]


def test_a_fixed_rule_opens_after_its_for_time_and_ends_below_its_threshold() -> None:
    """More than 0.05/s over 5 min for 2 min, as a Prometheus rule would say it."""
    rule = Rule(per_s=0.05, window_s=300, for_s=120)
    story = Story(book=PolicyBook(policies={"default": StormPolicy(rules=(rule,))}))
    for _ in range(60):
        story.burst(1).at(0, 9)  # 0.1/s
    exceeded_s = 15 * 10  # the 16th event within 5 min
    (at_s, transition, reason), *more = told(story)
    assert (transition, reason, more) == ("opened", "above_rule", [])
    assert exceeded_s + 120 <= at_s <= exceeded_s + 131
    story.at(0, 400)
    assert told(story)[-1][1:] == ("resolved", "rate_fell")


def test_a_rule_whose_for_time_is_broken_starts_again() -> None:
    """Pending, not pending, pending: no alert before two minutes in a row."""
    rule = Rule(per_s=0.5, window_s=10, for_s=120)
    book = PolicyBook(policies={"default": StormPolicy(floor=10_000, rules=(rule,))})
    story = Story(book=book).at(1, 100)
    assert story.state.judge.phase == "pending"
    story.at(0, 20)
    assert story.state.judge.phase == "quiet"
    story.at(1, 100)
    assert told(story) == []
    story.at(1, 40)
    assert told(story)[0][2] == "above_rule"


def test_a_late_burst_and_a_burst_now_are_not_a_rule_exceeded_in_between() -> None:
    """Both in one breath: the rule was not exceeded for two minutes."""
    rule = Rule(per_s=0.5, window_s=10, for_s=120)
    book = PolicyBook(policies={"default": StormPolicy(floor=10_000, rules=(rule,))})
    window, judge, state = WindowState(), BaselineJudge(), JudgeState()
    for second in (T + 100, T + 700):
        window.panes.add(second, 60)
    verdicts = [judge.look(book.policy(CODE), state, window, s, 0.02) for s in (T + 100, T + 700)]
    assert verdicts == [None, None]


def test_the_peak_is_no_lower_than_the_mean() -> None:
    """A storm shorter than the window: 1,500 faults in 5 s peak at 300/s."""
    resolved = Story().at(300, 5).at(0, 100).alerts[-1]
    assert (resolved.events, resolved.peak_per_s) == (1_500, 300.0)


def test_two_storms_in_a_backlog_stay_two() -> None:
    """Read in one go hours later, each is reported at the time at which it happened."""
    live = Story().at(1, 600).at(200, 60).at(1, 240).at(200, 60).at(1, 200)
    backlog = Story(behind=True).at(1, 600).at(200, 60).at(1, 240).at(200, 60).at(1, 200)
    assert len([t for t in told(live) if t[1] == "opened"]) == 2
    assert [a.alert_id for a in backlog.alerts] == [a.alert_id for a in live.alerts]


@pytest.mark.parametrize(
    ("severity", "expected"),
    [([1, 0, 0, 99], "P3"), ([5, 0, 0, 95], "P0"), ([0, 0, 0, 0], "P3"), ([0, 50, 50, 0], "P1")],
)
def test_the_worst_severity_with_a_real_share(severity: list[int], expected: str) -> None:
    """One P0 among a hundred P3 does not make it a P0 storm."""
    assert worst(severity, 0.05) == expected
