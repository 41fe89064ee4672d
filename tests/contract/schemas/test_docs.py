"""docs/contracts.md names everything that the contracts have, and its examples are of real names."""

import re

import pytest

from fault316_schemas import Facets, FaultEvent, FaultException, Keys, Reason, StormAlert, Topics
from fault316_schemas.dead_letter import REASONS
from fault316_schemas.export import SOURCE

TEXT = (SOURCE.parent / "docs" / "contracts.md").read_text(encoding="utf-8")
TOPICS, KEYS = Topics(), Keys()


def section(title: str) -> str:
    """The text under a heading of the second level."""
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("FaultEvent v1", [*FaultEvent.model_fields, *FaultException.model_fields]),
        ("StormAlert v1", [*StormAlert.model_fields, *Facets.model_fields, *Reason]),
        ("Dead letters", REASONS),
        ("Topics", [TOPICS.events, TOPICS.partials, TOPICS.alerts, TOPICS.dead_letters]),
        ("Redis", [KEYS.codes, KEYS.storms, KEYS.alerts, KEYS.counter("CODE"), KEYS.rate("CODE")]),
        ("Redis", [KEYS.series("CODE", "<yyyymmddhh>"), KEYS.storm("<storm id>")]),
    ],
)
def test_the_docs_name_everything(title: str, names: list[str]) -> None:
    assert {name for name in names if f"`{name}`" not in section(title)} == set()


def test_the_redis_examples_read_the_keys_of_their_row() -> None:
    rows = re.findall(
        r"^\| `(316:[^`]+)` \|.*`redis-cli \w+ '?([^'` ]+(?: id>)?)'?", section("Redis"), re.MULTILINE
    )
    assert len(rows) == 7
    for name, read in rows:
        shown = read.replace("316-OP-FAIL", "CODE").replace("2026031603", "<yyyymmddhh>")
        assert shown == name
