"""What `fault316 top` shows."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from fault316 import Rates, State
from fault316_streams.cli._top_view import Row, View, as_dict, render
from unit.cli.screen import NOON, alert, screen, styled


def row(code: str = "316-ORDER-SUBMIT-ERR", state: str = "storm", share: float = 0.64) -> Row:
    rates = Rates(code, {"10s": 412.0, "1m": 380.1, "5m": 101.2, "15m": 50.0, "1h": 9.0}, 2.1, State(state))
    return Row(rates, "Orders cannot be submitted", share, [0, 0, 0, 0, 0, 1, 2, 4, 8, 8])


def view(*rows: Row, **changes: Any) -> View:
    return replace(View(NOON, "1m", list(rows), len(rows), []), **changes)


def test_a_code_shows_its_rates_baseline_state_share_and_minutes() -> None:
    text = screen(render(view(row())))
    line = next(line for line in text.splitlines() if "316-ORDER" in line)
    for part in ("412", "380", "101", "2.10", "● storm", "64%", "·····▂▃▅██"):
        assert part in line
    assert "Orders cannot be submitted" in text


def test_the_window_sorted_by_is_marked() -> None:
    assert "1m▾" in screen(render(view(row())))
    assert "10s▾" in screen(render(view(row(), by="10s")))


def test_it_fits_80_columns_with_the_longest_code() -> None:
    longest = "316-" + "A" * 60
    text = screen(render(view(row(longest), row(), storms=[alert(code=longest)])))
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("A") >= 120  # folded, not cut


def test_storms_stand_beneath_the_worst_first_with_their_sentences() -> None:
    mild = alert(storm_id="s2", severity="P3", code="316-A", started_at=NOON - timedelta(minutes=5))
    text = screen(render(view(row(), storms=[mild, alert()])))
    assert "2 storms" in text
    assert text.rindex("316-ORDER-SUBMIT-ERR") < text.index("316-A ")
    assert "since 5 min" in text
    assert "412/s instead of 2/s" in text


def test_the_state_is_coloured() -> None:
    shown = {state: styled(render(view(row(state=state)))) for state in ("quiet", "pending", "storm")}
    assert "\x1b[1;31m● storm" in shown["storm"]
    assert "\x1b[33m● pending" in shown["pending"]
    assert "\x1b[32m● quiet" in shown["quiet"]


def test_redis_away_is_said_and_the_last_look_stays() -> None:
    text = screen(render(view(row(), problem="Redis at somewhere does not answer")))
    assert "Redis at somewhere does not answer" in text
    assert "316-ORDER-SUBMIT-ERR" in text
    assert "no storm" not in text
    assert "0 storms" not in text


def test_an_empty_system_says_so() -> None:
    text = screen(render(View.empty("1m", NOON)))
    assert "nothing counted yet" in text
    assert "0 storms" in text


def test_for_programs_each_code_is_one_flat_object() -> None:
    [code] = as_dict(view(row()))["codes"]
    assert code["code"] == "316-ORDER-SUBMIT-ERR"
    assert (code["per_s"]["1m"], code["baseline"], code["state"], code["share"]) == (
        380.1,
        2.1,
        "storm",
        0.64,
    )
    assert code["minutes"][-1] == 8
