"""A storm's alerts: ids, what they say, and that they stay pending until sent."""

import re

from fault316_schemas import StormAlert
from fault316_streams.partial import Contribution, Partial, Sample
from fault316_streams.state import decode_state, encode_state
from story import CODE, Story, T


def test_ids_are_a_function_of_the_state() -> None:
    """The same story gives the same ids, so a repeat after a crash is recognised."""
    one, two = (Story().at(1, 60).at(300, 60).at(1, 120) for _ in range(2))
    assert [a.alert_id for a in one.alerts] == [a.alert_id for a in two.alerts]
    assert len({a.alert_id for a in one.alerts}) == len(one.alerts) >= 2
    assert {a.storm_id for a in one.alerts} == {one.alerts[0].storm_id}


def test_an_alert_is_pending_in_the_state_until_it_is_sent() -> None:
    """What a crash leaves in the table is exactly the alert to send again."""
    story = Story().at(300, 1)
    restored = decode_state(encode_state(story.state))
    assert [StormAlert.from_json(alert) for alert in restored.alerts.pending] == story.alerts


def test_a_state_survives_its_table_entry() -> None:
    """Encoded and decoded, it goes on as if nothing had happened."""
    story, unbroken = Story().at(1, 60).at(300, 30), Story().at(1, 60).at(300, 30)
    story.pipeline.restore([decode_state(encode_state(story.state))])
    story.at(1, 120)
    unbroken.at(1, 120)
    assert story.alerts == unbroken.alerts
    assert story.state == unbroken.state


def test_an_alert_says_what_since_when_how_badly_whom_and_what_to_do() -> None:
    """The five questions of the person who is woken."""
    story = Story().at(1, 60)
    state = story.state
    state.window.recent.add(
        Contribution(
            severity=[400, 0, 0, 0],
            services={"checkout": 380, "cart": 20},
            exception_types={"shop.db.PoolTimeout": 400},
            samples=[Sample("e1", "r1", "t1", "no connection within 30 s")],
        ),
        None,
    )
    (opened,) = story.at(300, 1).alerts
    assert opened.code == CODE
    assert opened.severity == "P0"
    assert opened.started_at.timestamp() == T + 60
    assert opened.facets.services[0].value == "checkout"
    assert opened.facets.services[0].share > 0.9
    assert opened.exemplars[0].message == "no connection within 30 s"
    assert "database pool" in opened.runbook
    assert re.fullmatch(
        r"Orders cannot be submitted \(316-ORDER-SUBMIT-ERR, P0\): 300/s since \d\d:\d\d:\d\d UTC, "
        r"normally 0\.\d+/s, mostly checkout, PoolTimeout\.",
        opened.summary,
    )


def test_the_next_storm_speaks_for_itself() -> None:
    """Facets and samples of the last one are not shown again."""
    story = Story().at(1, 60)
    story.state.window.recent.add(Contribution(services={"checkout": 900}), None)
    story.at(300, 10).at(1, 100).at(300, 1)
    first, *_, last = story.alerts
    assert first.facets.services[0].value == "checkout"
    assert (last.transition, last.facets.services) == ("opened", [])


def test_a_storm_that_is_heard_of_together_with_an_earlier_one_says_whom_it_hits() -> None:
    """A service that was cut off tells of both at a time. Nobody can tell then whose facets are whose."""
    story = Story().at(1, 60).at(0, 60)
    spooled = {T + second: 60 for second in range(60, 65)}
    said = Contribution(spooled | {T + 120: 60}, [360, 0, 0, 0], services={"checkout": 360})
    now_ms = (T + 120) * 1_000
    story.alerts += story.pipeline.feed(
        Partial(1, 0, story.upto, story.upto + 360, now_ms, now_ms, True, {CODE: said}), 9_999
    ).alerts
    story.at(0, 1)
    assert [alert.transition for alert in story.alerts] == ["opened", "resolved", "opened"]
    last = story.alerts[-1]
    assert (last.severity, [each.value for each in last.facets.services]) == ("P0", ["checkout"])


def test_the_end_says_how_long_and_how_many() -> None:
    """A closing sentence for the incident's log."""
    resolved = Story().at(1, 60).at(300, 60).at(1, 120).alerts[-1]
    assert "is over: 18,0" in resolved.summary
    assert " faults in 60 s, peak 300/s" in resolved.summary
