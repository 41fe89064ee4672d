"""Who owns a table entry, when partitions move while somebody is in the middle of something."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from fault316_schemas import StormAlert
from fault316_streams import detector as detector_module
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


@pytest.fixture(autouse=True)
def checkpoint_after_each_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the last one took."""
    monkeypatch.setattr(detector_module, "CHECKPOINT_MAX_S", 0.0)


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


@pytest.mark.parametrize(
    ("resume_at", "heard", "lost"),
    [
        pytest.param(7, [7, 8, 9], 0, id="nothing is gone"),
        pytest.param(7, [10, 11], 3, id="gone while no worker ran"),
        pytest.param(7, [7, 8, 20, 21], 11, id="gone while it fell behind"),
        pytest.param(7, [5, 6], 0, id="the topic was made anew"),
        pytest.param(None, [5, 6], 0, id="nobody has read it before"),
    ],
)
async def test_partials_that_are_gone_are_counted_and_said(
    metrics: Metrics, resume_at: int | None, heard: list[int], lost: int
) -> None:
    detector, table = Detector(PolicyBook(), NoAlerts(), metrics, checkpoint_s=0), Table()
    detector.assign({0})
    detector.gaps.resume({} if resume_at is None else {0: resume_at})
    with capture_logs() as lines:
        for offset in heard:
            await hear(detector, table, offset)
    assert detector.gaps.lost == lost
    said = [line["resume_at"] - line["offset"] for line in lines if line["event"] == "offset out of range"]
    assert said == [lost] * bool(lost)


async def test_what_another_worker_heard_is_not_gone(metrics: Metrics) -> None:
    """The partition comes back further on."""
    detector, table = Detector(PolicyBook(), NoAlerts(), metrics, checkpoint_s=0), Table()
    detector.assign({0})
    detector.gaps.resume({0: 0})
    await hear(detector, table, 0)
    detector.revoke()
    detector.assign({0})
    detector.gaps.resume({0: 9})
    await hear(detector, table, 9)
    assert detector.gaps.lost == 0
