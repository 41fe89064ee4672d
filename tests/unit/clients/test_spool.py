"""The spool's files: in order, nothing twice, bounded, and handed over."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fault316 import _spool
from fault316._outbox import Outbox
from fault316._spool import SHRINK_BYTES, Segment, Spool
from fault316._spooled import SpooledOutbox
from fault316_schemas import Connection

MIB = 1024 * 1024


def drained(spool: Spool, bytes_max: int = MIB) -> list[tuple[bytes, int]]:
    found = []
    while (batch := spool.read(bytes_max)) is not None:
        found += batch.records
        batch.segment.advance(batch.upto)
    return found


@given(
    st.lists(st.tuples(st.binary(max_size=300), st.integers(0, 1_000)), max_size=50), st.integers(350, 2_000)
)
def test_what_goes_in_comes_out_once_in_order(
    tmp_path_factory: pytest.TempPathFactory, records: list[tuple[bytes, int]], bytes_max: int
) -> None:
    spool = Spool.create(tmp_path_factory.mktemp("spool"))
    for record, weight in records:
        spool.append(record, weight)
    assert drained(spool, bytes_max) == records
    assert spool.bytes_waiting == 0
    spool.close()


def test_without_an_acknowledgement_the_same_is_read_again(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path)
    spool.append(b"a", 1)
    assert spool.read(MIB) == spool.read(MIB)
    spool.close()
    [left] = Spool.take_over(tmp_path)
    assert drained(left) == [(b"a", 1)]
    left.close()
    assert list(tmp_path.iterdir()) == []


def test_a_successor_goes_on_behind_what_was_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over several segments, of which those that are done are deleted."""
    monkeypatch.setattr(_spool, "SEGMENT_BYTES", 100)
    spool = Spool.create(tmp_path)
    for number in range(20):
        spool.append(b"%03d" % number * 10, 1)
    for _ in range(3):
        batch = spool.read(50)
        assert batch is not None
        batch.segment.advance(batch.upto)
    spool.close()
    [left] = Spool.take_over(tmp_path)
    assert [record[:3] for record, _ in drained(left)] == [b"%03d" % number for number in range(3, 20)]
    left.close()


def test_a_living_process_keeps_its_folder(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path)
    spool.append(b"a", 1)
    other = "import sys; from pathlib import Path; from fault316._spool import Spool; "
    other += "print(len(Spool.take_over(Path(sys.argv[1]))))"
    ask = [sys.executable, "-c", other, str(tmp_path)]
    assert subprocess.run(ask, capture_output=True, text=True, check=True).stdout == "0\n"
    spool.close()
    assert subprocess.run(ask, capture_output=True, text=True, check=True).stdout == "1\n"


@pytest.mark.parametrize("torn", [1, 11, 12, 14])
def test_a_record_that_a_crash_left_half_written_is_the_end(tmp_path: Path, torn: int) -> None:
    path = tmp_path / "1.spool"
    segment = Segment(path)
    segment.append(b"whole", 2)
    whole = segment.end
    segment.append(b"torn", 3)
    segment.close()
    os.truncate(path, whole + torn)
    again = Segment(path)
    batch = again.read(MIB)
    assert batch is not None
    assert batch.records == [(b"whole", 2)]
    again.advance(batch.upto)
    assert again.read(MIB) is None
    again.close()


def test_files_do_not_grow_while_all_is_well(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path)
    for _ in range(100):
        spool.append(b"x" * 50_000, 1)
        assert len(drained(spool)) == 1
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.spool")) <= SHRINK_BYTES + 60_000
    spool.close()


def test_only_the_owner_may_read_them(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path)
    spool.append(b"a", 1)
    assert {path.stat().st_mode & 0o077 for path in tmp_path.rglob("*")} == {0}
    spool.close()


async def test_a_full_spool_drops_and_counts(tmp_path: Path) -> None:
    nowhere = Connection(_env_file=None, bootstrap_servers="127.0.0.1:1")
    box = SpooledOutbox(Outbox(nowhere, "events"), tmp_path, bytes_max=100)
    box.start_unconnected()
    assert [box.offer(b"x" * 30, 5) for _ in range(3)] == [True, True, False]
    assert (box.sent, box.dropped, box.pending) == (0, 5, 10)
    await box.close(0)
    assert box.dropped == 5
    [left] = Spool.take_over(tmp_path)
    assert len(drained(left)) == 2
    left.close()


async def test_without_a_usable_folder_faults_wait_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    nowhere = Connection(_env_file=None, bootstrap_servers="127.0.0.1:1")
    box = SpooledOutbox(Outbox(nowhere, "events"), tmp_path / "file" / "spool", bytes_max=100)
    box.start_unconnected()
    assert box.offer(b"x")
    await box.close(0)
    assert box.dropped == 1
    assert "wait in memory" in caplog.text
