"""Who owns a table entry, when partitions move while somebody is in the middle of something."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from fault316_schemas import StormAlert
from fault316_streams.detect import PolicyBook
from fault316_streams.detector import Detector
from fault316_streams.metrics import Metrics
from fault316_streams.partial import Progress, Tick, encode
from fault316_streams.state import STATE_VERSION, CodeState, decode_state, encode_state
from story import T

FORMER = "0:{}:former"


class Table:
    """A table as Faust recovers it; what is sent to its changelog is acknowledged at once."""

    def __init__(self, **offsets: int) -> None:
        """Code → the last message that a former owner's entry knows."""
        self.data = {
            FORMER.format(code).encode(): encode_state(CodeState(STATE_VERSION, code, offset=offset))
            for code, offset in offsets.items()
        }

    def send_changelog(self, _partition: int, _key: bytes, _value: bytes | None) -> "asyncio.Future[None]":
        acknowledged = asyncio.get_running_loop().create_future()
        acknowledged.set_result(None)
        return acknowledged

    def entries(self, code: str) -> list[str]:
        """Whose there are."""
        keys = [key.decode() for key, value in self.data.items() if decode_state(value).code == code]
        return sorted("former" if key == FORMER.format(code) else "own" for key in keys)


class NoAlerts:
    """Nobody raises any here."""

    async def send(self, alerts: Sequence[StormAlert]) -> None:
        raise AssertionError(alerts)

    async def close(self) -> None:
        """Nothing to let go of."""


@pytest.fixture(scope="module")
def metrics() -> Metrics:
    return Metrics()


async def hear(detector: Detector, table: Table, offset: int) -> None:
    """A tick at this offset of the partials topic; after each there is a checkpoint."""
    value = encode(Tick(1, T * 1_000, 1, {0: Progress(0, T * 1_000, True)}))
    message = SimpleNamespace(partition=0, offset=offset)
    await detector.hear(SimpleNamespace(message=message, value=value, ack=lambda: None), table)


async def test_what_is_read_beyond_the_committed_position_becomes_ones_own(metrics: Metrics) -> None:
    """A former owner's late entry may be deleted by the owner in between, who was stopped in his checkpoint."""
    detector, table = Detector(PolicyBook(), NoAlerts(), metrics, checkpoint_s=0), Table(A=9, B=10, C=23)
    detector.assign({0})
    await hear(detector, table, 10)
    assert [table.entries(code) for code in "ABC"] == [["former"], ["former", "own"], ["former", "own"]]


async def test_entries_are_deleted_by_one_whose_commit_the_group_has_taken(metrics: Metrics) -> None:
    """Who only woke in the middle of a recovery has read the present owner's."""
    detector, table = Detector(PolicyBook(), NoAlerts(), metrics, checkpoint_s=0), Table(A=10)
    detector.assign({0})
    early = detector.tenure
    detector.revoke()
    detector.assign({0})
    await hear(detector, table, 10)
    detector.confirm(early)
    await hear(detector, table, 11)
    assert table.entries("A") == ["former", "own"]
    detector.confirm(detector.tenure)
    await hear(detector, table, 12)
    assert table.entries("A") == ["own"]
