"""The registry: the most specific entry wins, the user's before the built-in."""

import pytest
from pydantic import ValidationError

from fault316_schemas import CodeInfo, Layer, Registry, Severity


def own(pattern: str, title: str = "own") -> CodeInfo:
    return CodeInfo(pattern=pattern, layer=Layer.DATA, severity=Severity.P3, title=title, runbook="Read on.")


@pytest.mark.parametrize(
    ("code", "pattern"),
    [
        ("316-DB-POOL-EXHAUSTED", "316-DB-POOL-EXHAUSTED"),
        ("316-DB-REPLICA-LAG", "316-DB-*"),
        ("316-DB-POOL-HIGH", "316-*-POOL-HIGH"),
        ("316-MEM-OOM", "316-MEM-*"),
        ("316-NEVER-SEEN", "316-*"),
        ("316-OTHER", "316-OTHER*"),
    ],
)
def test_the_most_specific_entry_is_found_and_there_always_is_one(code: str, pattern: str) -> None:
    assert Registry.built_in().get(code).pattern == pattern


def test_a_users_entry_replaces_the_built_in_one_of_the_same_pattern() -> None:
    assert Registry([own("316-OP-FAIL")]).get("316-OP-FAIL").title == "own"


def test_a_users_pattern_wins_over_an_equally_specific_built_in_one() -> None:
    assert Registry([own("316-DB*-")]).get("316-DB-").title == "own"


def test_a_users_broad_pattern_does_not_hide_a_narrower_built_in_one() -> None:
    assert Registry([own("316-*")]).get("316-DB-DEADLOCK").title == "Database deadlock"
    assert Registry([own("316-*")]).get("316-NEVER-SEEN").title == "own"


@pytest.mark.parametrize("pattern", ["316-db-*", "DB-*", "316-[AB]", "", "316-" + "A" * 61])
def test_a_pattern_that_can_match_no_code_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        own(pattern)
