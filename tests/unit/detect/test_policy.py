"""Policies: patterns, layers, and errors that name the field."""

from pathlib import Path

import pytest

from fault316_streams.detect import PolicyBook
from fault316_streams.errors import Misuse

FILE = """
[[code]]
pattern = "316-CART-*"
layer = "application"
severity = "P1"
title = "Cart broken"
runbook = "Look at the cart service first."

[storm.default]
floor = 50

[storm."316-DB-*"]
alpha = 1e-9

[storm."316-DB-DEADLOCK"]
rules = [{ per_s = 0.05 }]
"""


def load(tmp_path: Path, text: str) -> PolicyBook:
    file = tmp_path / "policy.toml"
    file.write_text(text)
    return PolicyBook.load(file)


def test_the_most_specific_pattern_wins_on_top_of_the_default(tmp_path: Path) -> None:
    """A pattern's policy inherits the default's fields, and no other pattern's."""
    book = load(tmp_path, FILE)
    assert book.policy("316-TIMEOUT-ERR").floor == 50
    assert (book.policy("316-DB-SLOW").alpha, book.policy("316-DB-SLOW").floor) == (1e-9, 50)
    deadlock = book.policy("316-DB-DEADLOCK")
    assert (deadlock.alpha, deadlock.floor, deadlock.rules[0].for_s) == (1e-6, 50, 120)


def test_own_codes_join_the_registry(tmp_path: Path) -> None:
    """And built-in ones stay."""
    registry = load(tmp_path, FILE).registry
    assert registry.get("316-CART-FULL").title == "Cart broken"
    assert registry.get("316-DB-DEADLOCK").title == "Database deadlock"


def test_no_file_gives_the_defaults() -> None:
    """The defaults need no file."""
    assert PolicyBook.load(None).policy("316-X").floor == 20


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('[storm.default]\nfloor = "many"', "storm.default.floor"),
        ("[storm.default]\nflor = 3", "flor"),
        ('[storm."316-DB-*"]\nalpha = 2', "316-DB-*.alpha"),
        ('[storm."db"]\nfloor = 3', "db"),
        ("[storm.default]\nrules = [{ per_s = -1 }]", "rules.0.per_s"),
        ("[storm.default]\nshort_s = 60\nlong_s = 10", "long_s"),
        ("[storm.default]\nresolve_factor = 9", "resolve_factor"),
        ('[[code]]\npattern = "316-A"\nlayer = "moon"', "code.0.layer"),
        ("[storm", "not TOML"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_the_field(tmp_path: Path, text: str, names: str) -> None:
    """What is wrong, and where."""
    with pytest.raises(Misuse) as caught:
        load(tmp_path, text)
    assert names in str(caught.value)
    assert "policy.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(Misuse, match="No such file"):
        PolicyBook.load(tmp_path / "none.toml")
