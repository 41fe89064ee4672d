"""From `report(...)` to the event that is sent."""

import os
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from fault316._build import Details, Identity, build
from fault316_schemas import FaultEvent, Severity

SHOP = Identity("shop", "web-1", version="2.4.1", environment="production")


def test_an_event_says_who_when_and_what() -> None:
    before = datetime.now(UTC)
    event = build(SHOP, "316-TIMEOUT-ERR", {"message": "slow", "user_id": 42, "duration_ms": 30})
    assert (event.service, event.host, event.version, event.environment) == (
        "shop",
        "web-1",
        "2.4.1",
        "production",
    )
    assert event.pid == os.getpid()
    assert before <= event.occurred_at <= datetime.now(UTC)
    assert (event.message, event.user_id, event.duration_ms, event.count) == ("slow", "42", 30.0, 1)
    assert FaultEvent.from_json(event.to_json()) == event


def test_ids_are_unique() -> None:
    assert len({build(SHOP, "316-OTHER", {}).id for _ in range(1_000)}) == 1_000


def test_severity_is_left_to_the_registry_unless_given() -> None:
    assert build(SHOP, "316-OTHER", {}).severity is None
    assert build(SHOP, "316-OTHER", {"severity": "P0"}).severity is Severity.P0


def test_an_exception_gives_the_message_unless_there_is_one() -> None:
    error = ValueError("bad amount")
    assert build(SHOP, "316-OP-FAIL", {"exception": error}).message == "bad amount"
    assert build(SHOP, "316-OP-FAIL", {"exception": error, "message": "own"}).message == "own"
    described = build(SHOP, "316-OP-FAIL", {"exception": error}).exception
    assert described is not None
    assert described.type == "ValueError"


def test_texts_that_are_too_long_or_empty_do_not_cost_the_event() -> None:
    event = build(
        SHOP,
        "316-OTHER",
        {
            "message": "x" * 100_000,
            "request_id": "r" * 1_000,
            "endpoint": "",
            "attributes": {"sql": "s" * 5_000, "n": 1},
        },
    )
    assert event.attributes is not None
    assert str(event.attributes["sql"]).endswith("…")
    assert event.message is not None
    assert event.message.endswith("…")
    assert event.request_id is not None
    assert event.request_id.endswith("…")
    assert event.endpoint is None


def test_a_detail_overrides_the_identity() -> None:
    identity = Identity("shop", "web-1", component="cart")
    assert build(identity, "316-OTHER", {}).component == "cart"
    assert build(identity, "316-OTHER", {"component": "pay"}).component == "pay"


@pytest.mark.parametrize(
    ("code", "details", "field"),
    [
        ("timeout", {}, "code"),
        ("316-timeout", {}, "code"),
        ("316-OTHER", {"count": 0}, "count"),
        ("316-OTHER", {"severity": "P9"}, "severity"),
        ("316-OTHER", {"occurred_at": datetime(2026, 1, 1)}, "occurred_at"),  # noqa: DTZ001 - naive on purpose
        ("316-OTHER", {"attributes": {"a": object()}}, "attributes"),
        ("316-OTHER", {"attributes": {str(n): n for n in range(33)}}, "attributes"),
    ],
)
def test_what_the_contract_refuses_names_the_field(code: str, details: Details, field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        build(SHOP, code, details)


def test_a_misspelt_detail_is_refused() -> None:
    with pytest.raises(TypeError, match="mesage"):
        build(SHOP, "316-OTHER", {"mesage": "x"})  # type: ignore[typeddict-unknown-key]
