"""How an alert reads in `fault316 tail`, and the small pieces that all reading commands share."""

from datetime import timedelta

import pytest

from fault316_streams.cli._show import ago, alert_row, bar, rate, sparkline
from unit.cli.screen import NOON, alert, screen, styled


def test_an_alert_is_time_transition_severity_and_its_sentence() -> None:
    text = screen(alert_row(alert()))
    assert f"{NOON.astimezone():%H:%M:%S} ▲ opened" in text
    assert " P0 " in text
    assert "Orders cannot be submitted: 412/s instead of 2/s" in text


def test_a_long_summary_wraps_under_itself_within_80_columns() -> None:
    lines = screen(alert_row(alert(summary="word " * 60))).splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= 80
    assert {line[:26].strip() for line in lines[1:]} == {""}


@pytest.mark.parametrize(("transition", "mark"), [("opened", "▲"), ("escalated", "▲"), ("resolved", "▼")])
def test_each_transition_has_its_mark_and_colour(transition: str, mark: str) -> None:
    row = alert_row(alert(transition=transition))
    assert f"{mark} {transition}" in screen(row)
    others = {styled(alert_row(alert(transition=t))) for t in ("opened", "escalated", "resolved")}
    assert len(others) == 3


def test_text_from_outside_is_not_markup() -> None:
    assert "[bold]x[/nonsense]" in screen(alert_row(alert(summary="[bold]x[/nonsense]")))


@pytest.mark.parametrize(
    ("per_s", "text"),
    [(0, "0"), (0.004, "0"), (0.05, "0.05"), (9.99, "9.99"), (9.999, "10.0"), (45.25, "45.2"), (99.99, "100"),
     (412, "412"), (9_999.4, "9999"), (9_999.6, "10.0k"), (12_345, "12.3k"), (412_345, "412k"), (999_960, "1.0M"), (2.5e6, "2.5M")],
)  # fmt: skip
def test_a_rate_takes_at_most_five_characters(per_s: float, text: str) -> None:
    assert rate(per_s) == text
    assert len(text) <= 5


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s ago"),
        (0, "0 s ago"),
        (119, "119 s ago"),
        (120, "2 min ago"),
        (7_200, "2 h ago"),
        (172_800, "2 d ago"),
    ],
)
def test_ago_uses_the_one_unit_that_matters(seconds: int, text: str) -> None:
    assert ago(NOON - timedelta(seconds=seconds), NOON) == text
    assert ago(None, NOON) == "never"


def test_a_sparkline_scales_to_its_peak_and_shows_nothing_as_nothing() -> None:
    assert sparkline([0, 1, 4, 8]).plain == "·▂▅█"
    assert sparkline([0, 0]).plain == "··"
    assert sparkline([1_000_000]).plain == "█"


def test_a_bar_fills_with_the_share() -> None:
    assert [bar(share, 4) for share in (0, 0.5, 1, 2)] == ["    ", "██  ", "████", "████"]
    assert len({bar(n / 32, 4) for n in range(33)}) == 33
