"""The hot path keeps the contract: it takes each valid example and refuses each invalid one under its name."""

from pathlib import Path

import pytest

from contract.schemas.big_events import REFUSED
from fault316_schemas import FaultEvent
from fault316_schemas.dead_letter import REASONS
from fault316_schemas.export import SOURCE
from fault316_streams.intake.event import decode
from fault316_streams.intake.reject import Reason, Rejected

EXAMPLES = SOURCE / "examples" / "fault-event"
INVALID = {path.stem: path.read_bytes() for path in sorted((EXAMPLES / "invalid").iterdir())} | REFUSED


def test_intake_and_contract_know_the_same_reasons() -> None:
    assert {reason.value for reason in Reason} == REASONS.keys()


@pytest.mark.parametrize("path", sorted((EXAMPLES / "valid").iterdir()), ids=lambda path: path.stem)
def test_intake_reads_a_valid_example_as_the_model_does(path: Path) -> None:
    hot, event = decode(path.read_bytes()), FaultEvent.from_json(path.read_bytes())
    assert not isinstance(hot, Rejected)
    for field in ("id", "code", "service", "occurred_at", "severity", "count", "host", "endpoint", "user_id"):
        assert getattr(hot, field) == getattr(event, field)
    assert (hot.exception and hot.exception.type) == (event.exception and event.exception.type)


@pytest.mark.parametrize("name", INVALID)
def test_intake_refuses_an_invalid_example_for_the_reason_in_its_name(name: str) -> None:
    answer = decode(INVALID[name])
    assert isinstance(answer, Rejected)
    assert answer.reason == name.partition("-")[0]
