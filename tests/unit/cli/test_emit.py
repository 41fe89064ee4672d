"""`fault316 emit` refuses what cannot be before it connects, and says what became of the rest."""

from dataclasses import replace
from typing import Any

import pytest

from fault316 import Connection
from fault316_streams.cli.emit import Outcome, Plan, check, sentence
from fault316_streams.errors import Misuse

PLAN = Plan("316-TIMEOUT-ERR", n=1, rate=None, service="cli", message=None, severity=None, user=None, count=1)


def test_a_good_plan_passes() -> None:
    check(PLAN)
    check(replace(PLAN, n=10, rate=0.5, count=1_000))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"code": "timeout"}, "CODE: .*such as 316-TIMEOUT-ERR.*'timeout'"),
        ({"code": "316-" + "A" * 61}, "CODE: .*at most 64"),
        ({"n": 0}, "-n: at least 1"),
        ({"rate": 0}, "--rate: more than 0"),
        ({"rate": float("nan")}, "--rate: more than 0"),
        ({"count": 0}, "--count: "),
        ({"count": 2_000_000_000}, "--count: "),
        ({"service": ""}, "--service: "),
    ],
)
def test_a_bad_plan_is_refused_in_one_line_that_names_the_option(
    changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(Misuse, match=problem) as caught:
        check(replace(PLAN, **changes))
    assert "\n" not in str(caught.value)


def test_the_outcome_is_a_sentence() -> None:
    connection = Connection(_env_file=None, bootstrap_servers="k:9092", topic_prefix="t.")
    one = Outcome("316-A", events=1, sent=1, dropped=0, faults=1, seconds=0.1, per_s=10)
    assert sentence(one, connection) == "sent 1 event of 316-A to t.events at k:9092"
    many = Outcome("316-A", events=2_000, sent=2_000, dropped=0, faults=6_000, seconds=2, per_s=1_000)
    assert sentence(many, connection) == (
        "sent 2,000 events (6,000 faults) of 316-A to t.events at k:9092 in 2.0 s, 1,000/s"
    )
