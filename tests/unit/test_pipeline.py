"""The stages put together, for one partials partition."""

from fault316_streams.detect import PolicyBook
from fault316_streams.partial import Contribution, Partial, Progress, Tick
from fault316_streams.pipeline import CODE_KEPT_S, Pipeline
from fault316_streams.window import Outcome
from story import CODE, Story, T


def partial(start: int, upto: int, at_s: int, **codes: Contribution) -> Partial:
    """From source partition 0, caught up at `at_s`."""
    said = {f"316-{code}": contribution for code, contribution in codes.items()}
    return Partial(1, 0, start, upto, at_s * 1_000, at_s * 1_000, True, said)


def events(second: int, count: int = 1) -> Contribution:
    """So many P1 events in one second."""
    return Contribution({second: count}, [0, count, 0, 0], first_ms=second * 1_000, last_ms=second * 1_000)


def tick(at_s: int) -> Tick:
    return Tick(1, at_s * 1_000, 1, {0: Progress(0, at_s * 1_000, True)})


def test_a_lone_event_from_the_future_moves_no_time() -> None:
    """Its second is judged when it comes; nobody else's clock runs ahead because of it."""
    pipeline = Pipeline(0, PolicyBook())
    pipeline.feed(partial(0, 50, T, A=events(T + 200, 50)), 0)
    assert pipeline.timeline.high_s == T
    assert pipeline.codes["316-A"].judge.storm is None
    alerts = []
    for second in range(T + 1, T + 210):
        alerts += pipeline.feed(tick(second), second - T).alerts
    assert [round(alert.at.timestamp()) - T for alert in alerts] == [200]


def test_a_storm_told_late_is_still_told_at_its_own_time() -> None:
    """A service that was cut off sends its faults five minutes later."""
    story = Story().at(1, 300).at(0, 300)
    late = T + 310
    alerts = story.pipeline.feed(
        Partial(
            1,
            0,
            story.upto,
            story.upto + 90,
            (T + 600) * 1_000,
            (T + 600) * 1_000,
            True,
            {CODE: events(late, 90)},
        ),
        9_999,
    ).alerts
    assert [round(alert.started_at.timestamp()) - T for alert in alerts] == [310]


def test_a_worse_second_that_is_heard_of_late_is_counted_and_is_no_news() -> None:
    """After an outage one source partition tells all of its seconds before the next one tells any."""
    story = Story(normal_per_s=1).at(1, 60).at(20, 3)
    for source, (rate, second) in enumerate([(4_000, T + 80), (40_000, T + 75)], start=1):
        late = Partial(
            1, source, 0, rate, (T + 80) * 1_000, (T + 80) * 1_000, True, {CODE: events(second, rate)}
        )
        story.alerts += story.pipeline.feed(late, 9_990 + source).alerts
    told = [(alert.transition.value, round(alert.at.timestamp()) - T) for alert in story.alerts]
    assert told == [("opened", 62), ("escalated", 80)]
    storm = story.state.judge.storm
    assert storm is not None
    assert storm.peak_per_s >= 4_000


def test_codes_beyond_the_limit_are_counted_together() -> None:
    """Nothing vanishes: what has no place of its own counts under 316-OTHER, once, and is named."""
    pipeline = Pipeline(3, PolicyBook(), codes_max=2)
    for offset in range(2):  # the second time is a repeat
        pipeline.feed(partial(0, 6, T, A=events(T), B=events(T), C=events(T, 3), D=events(T)), offset)
    pipeline.feed(partial(0, 9, T + 1, C=events(T, 5), E=events(T)), 2)
    assert {code: state.window.total for code, state in pipeline.codes.items()} == {
        "316-A": 1,
        "316-B": 1,
        "316-OTHER-P3": 3 + 1 + 2 + 1,
    }
    assert set(pipeline.tally.heaviest) == {"316-C", "316-D", "316-E"}


def test_outcomes_are_counted() -> None:
    """What is ignored is seen to be ignored, and is no newer version of the code's state."""
    pipeline = Pipeline(0, PolicyBook())
    for offset in range(3):
        pipeline.feed(partial(0, 5, T, A=events(T)), offset)
    assert pipeline.tally.outcomes == {Outcome.NEXT: 1, Outcome.ALREADY_KNOWN: 2}
    assert pipeline.codes["316-A"].offset == 0


def test_a_code_is_forgotten_after_a_month_of_silence() -> None:
    """And its table entry is named for deletion."""
    pipeline = Pipeline(0, PolicyBook())
    pipeline.feed(partial(0, 5, T, A=events(T)), 0)
    assert pipeline.feed(tick(T + CODE_KEPT_S), 1).dropped == set()
    assert pipeline.feed(tick(T + CODE_KEPT_S + 20), 2).dropped == {"316-A"}
    assert pipeline.codes == {}


def test_a_code_whose_events_come_weeks_late_is_not_forgotten_for_it() -> None:
    """Silence counts from when something was last heard."""
    pipeline = Pipeline(0, PolicyBook())
    pipeline.feed(tick(T), 0)
    pipeline.feed(partial(0, 5, T, A=events(T - 29 * 86_400)), 1)
    for minute in range(1, 10):
        assert pipeline.feed(tick(T + 86_400 * 2 + 60 * minute), 1 + minute).dropped == set()
    assert pipeline.codes["316-A"].window.total == 1


def test_a_storm_that_ends_after_a_month_of_outage_is_told_before_its_code_is_forgotten() -> None:
    """The alert first: its state must be there to be written."""
    story = Story().at(300, 5)
    later = story.now_s + CODE_KEPT_S + 100
    step = story.pipeline.feed(tick(later), 99)
    assert [alert.transition for alert in step.alerts] == ["resolved"]
    assert step.dropped == set()
    assert CODE in story.pipeline.codes


def test_changed_codes_are_named_with_their_minutes() -> None:
    """What the table and the view have to be told."""
    pipeline = Pipeline(0, PolicyBook())
    step = pipeline.feed(partial(0, 5, T, A=events(T), B=events(T - 600)), 0)
    assert step.changed == {"316-A": {T // 60}, "316-B": {(T - 600) // 60}}
    assert pipeline.feed(partial(0, 5, T, A=events(T)), 1).changed == {}
