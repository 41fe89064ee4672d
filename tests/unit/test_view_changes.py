"""What the view is told, and that nothing is forgotten while it is away."""

from fault316_streams.pipeline import Pipeline
from fault316_streams.sinks.layout import ALERTS_MAX
from fault316_streams.view_changes import REFRESH_S, ViewChanges
from story import CODE, Story, T


def changes(story: Story) -> ViewChanges:
    pipelines: dict[int, Pipeline] = {0: story.pipeline}
    made = ViewChanges(pipelines)
    made.take(100)  # the first refresh states everything
    return made


def sent(story: Story) -> None:
    """The alerts are on their topic."""
    story.pipeline.codes[CODE].alerts.pending.clear()


def test_only_what_changed_is_taken_and_only_once() -> None:
    """A code with the minutes that grew; then nothing."""
    story = Story().at(1, 1)
    view = changes(story)
    view.note(0, {CODE: {T // 60}})
    (taken,) = view.take(100).codes
    assert (taken.code, taken.total, taken.series) == (CODE, 1, {T // 60: 1})
    assert view.take(100).codes == []


def test_what_is_given_back_is_taken_again_as_it_is_then() -> None:
    """No value is queued while Redis is away: the newest one is stated."""
    story = Story().at(1, 1)
    view = changes(story)
    view.note(0, {CODE: {T // 60}})
    view.give_back(view.take(100))
    story.at(5, 1)
    (taken,) = view.take(100).codes
    assert taken.total == 6


def test_a_lost_view_is_told_all_minutes_and_the_last_alerts() -> None:
    """Redis came back empty: everything there is to show is shown again."""
    story = Story().at(1, 200).at(300, 5)
    sent(story)
    view = changes(story)
    view.rebuild([0])
    batch = view.take(100)
    assert sum(batch.codes[0].series.values()) == batch.codes[0].total == 200 + 1_500
    assert [alert.alert_id for alert in batch.alerts] == [story.alerts[-1].alert_id]


def test_alerts_that_no_write_has_shown_are_all_told_by_the_next_owner() -> None:
    """A worker that ends between two writes of the view may have sent several; they are in the code's state."""
    story = Story().at(1, 200).at(300, 5).at(0, 200)
    opened, *_, resolved = [alert.alert_id for alert in story.alerts]
    sent(story)
    heir = changes(story)
    heir.rebuild([0])
    told = [alert.alert_id for alert in heir.take(100).alerts]
    assert (told[0], told[-1]) == (opened, resolved)
    heir.take(100)  # it was not given back
    heir.rebuild([0])
    assert [alert.alert_id for alert in heir.take(100).alerts] == [resolved]


def test_alerts_of_a_failed_write_stay_to_be_told() -> None:
    """Given back, and then the worker ends."""
    story = Story().at(1, 200).at(300, 5).at(0, 200)
    sent(story)
    view = changes(story)
    view.rebuild([0])
    view.give_back(view.take(100))
    heir = changes(story)
    heir.rebuild([0])
    assert len(heir.take(100).alerts) == len(story.alerts)


def test_an_alert_that_may_still_vanish_is_not_told() -> None:
    """Its state is being written; a crash may yet undo it."""
    story = Story().at(1, 200).at(300, 5)
    view = changes(story)
    view.rebuild([0])
    assert view.take(100).alerts == []


def test_rates_are_stated_anew_while_they_fall() -> None:
    """Nothing comes in, and the rate in Redis goes to zero all the same."""
    story = Story().at(50, 10)
    view = changes(story)
    story.at(0, 15 + REFRESH_S)
    (taken,) = view.take(100).codes
    assert taken.rates["10s"] == 0.0
    assert taken.rates["1m"] > 0.0


def test_a_long_outage_keeps_the_newest_alerts() -> None:
    """Bounded, and what is dropped is the oldest."""
    (alert,) = Story().at(300, 1).alerts
    view = ViewChanges({})
    numbered = [alert.model_copy(update={"alert_id": str(n)}) for n in range(ALERTS_MAX + 1)]
    view.announce(numbered[:10])
    batch = view.take(10)
    view.announce(numbered[10:])
    view.give_back(batch)
    kept = view.take(2 * ALERTS_MAX).alerts
    assert (len(kept), kept[0].alert_id, kept[-1].alert_id) == (ALERTS_MAX, "1", str(ALERTS_MAX))


def test_a_partition_that_went_away_is_not_spoken_for() -> None:
    """Its new owner does that."""
    story = Story().at(1, 1)
    pipelines = {0: story.pipeline}
    view = ViewChanges(pipelines)
    batch = view.take(100)
    del pipelines[0]
    view.forget(0)
    view.give_back(batch)
    assert view.take(100).codes == []
