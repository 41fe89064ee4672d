"""Which alerts a feed hands out."""

from typing import Any

import pytest

from fault316 import AlertFeed, StormAlert
from fault316._alert_filter import AlertFilter
from fault316._alert_source import HANDLED_MAX, Handled
from fault316.testing import MemoryAlerts, storm_alert


def alert(**fields: Any) -> StormAlert:
    return storm_alert(**({"code": "316-DB-POOL", "severity": "P1"} | fields))


@pytest.mark.parametrize(
    ("severity", "passes"), [(None, True), ("P0", False), ("P1", True), ("P2", True), ("P3", True)]
)
def test_a_severity_lets_the_same_and_worse_ones_pass(severity: str | None, passes: bool) -> None:
    assert AlertFilter.of(severity, None, None).passes(alert()) is passes


@pytest.mark.parametrize(
    ("code", "passes"),
    [
        (None, True),
        ("316-DB-POOL", True),
        ("316-DB-*", True),
        ("316-DB", False),
        ("316-db-*", False),
        (["316-NET-*", "316-DB-?OOL"], True),
        ([], False),
    ],
)
def test_one_of_the_patterns_must_fit_the_whole_code(code: Any, passes: bool) -> None:
    assert AlertFilter.of(None, code, None).passes(alert()) is passes


def test_only_the_transitions_named_pass() -> None:
    opened = AlertFilter.of(None, None, "opened")
    assert opened.passes(alert())
    assert not opened.passes(alert(transition="escalated", reason="rate_rose"))
    assert AlertFilter.of(None, None, ["opened", "escalated"]).passes(alert())


@pytest.mark.parametrize("wrong", [{"min_severity": "P9"}, {"transitions": ["begun"]}])
def test_a_mistake_shows_when_the_feed_is_made(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"P9|begun"):
        AlertFeed(source=MemoryAlerts(), **wrong)


def test_the_ids_that_are_kept_are_bounded() -> None:
    handled = Handled()
    for n in range(HANDLED_MAX + 1):
        handled.add(str(n))
    assert "0" not in handled
    assert "1" in handled
