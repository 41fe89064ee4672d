"""What `fault316 counters` shows."""

from datetime import timedelta

from fault316 import Counter, Rates, Severity, State
from fault316_schemas import Registry
from fault316_streams.cli.counters import Detail, panel, table
from unit.cli.screen import NOON, alert, screen


def counter(code: str, total: int, p0: int = 0, late: int = 0) -> Counter:
    by_severity = dict.fromkeys(Severity, 0) | {Severity.P0: p0, Severity.P1: total - p0}
    return Counter(code, total, by_severity, late, 0, NOON - timedelta(days=3), NOON - timedelta(minutes=7))


def test_the_table_has_the_largest_first_and_sums_beneath() -> None:
    lines = screen(table([counter("316-A", 5), counter("316-B", 1_512_345, p0=12)], NOON)).splitlines()
    assert [line.split()[0] for line in lines] == ["code", "316-B", "316-A", "all"]
    assert lines[-1].split()[1] == "1,512,350"
    assert lines[1].endswith("7 min ago")


def test_columns_without_any_event_are_left_out() -> None:
    assert "late" not in screen(table([counter("316-A", 5)], NOON))
    assert "late" in screen(table([counter("316-A", 5, late=1)], NOON))


def test_the_table_fits_80_columns() -> None:
    text = screen(table([counter("316-" + "A" * 60, 1_512_345, p0=1_000_000, late=99_999)], NOON))
    assert max(map(len, text.splitlines())) <= 80


def test_nothing_counted_says_what_to_do() -> None:
    assert "fault316 emit" in screen(table([], NOON))


def test_one_code_shows_all_there_is() -> None:
    rates = Rates("316-TIMEOUT-ERR", {"10s": 5.5, "1m": 2.0}, 0.25, State.STORM)
    series = [(NOON + timedelta(minutes=n), n) for n in range(60)]
    detail = Detail(counter("316-TIMEOUT-ERR", 1_770, late=3), rates, series, alert())
    text = screen(panel(detail, Registry().get("316-TIMEOUT-ERR"), NOON))
    for part in (
        "Call timed out",
        "1,770",
        "10s 5.50",
        "0.25 per second",
        "● storm",
        "7 min ago",
        "at most 59 a minute",
    ):
        assert part in text
    assert "Find the slow dependency" in text  # the runbook
    assert "cannot be submitted: 412/s" in text  # the storm
    assert max(map(len, text.splitlines())) <= 80


def test_a_code_without_rates_is_shown_all_the_same() -> None:
    text = screen(panel(Detail(counter("316-A", 5), None, [], None), Registry().get("316-A"), NOON))
    assert "0 events" in text
    assert "state" not in text
