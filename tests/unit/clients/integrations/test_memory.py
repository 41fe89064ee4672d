"""`MemoryWatch` on this process's own memory: what is reported when it grows, and how often."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from fault316.integrations.memory import MIB, MemoryWatch, container_memory, largest, read_memory
from fault316.testing import MemoryReporter
from support import until


@pytest.fixture
def reporter() -> MemoryReporter:
    return MemoryReporter()


def filled(size: int) -> bytearray:
    """Memory that is there: pages that were never written are not."""
    return bytearray(b"x") * size


def test_a_process_above_its_limit_is_told_once_and_again_after_it_was_below(
    reporter: MemoryReporter,
) -> None:
    now_bytes = read_memory().process
    limit_bytes = now_bytes * 5 // 4 + 64 * MIB  # a tenth below it is still above what there is
    watch = MemoryWatch(limit_percent=None, limit_bytes=limit_bytes, reporter=reporter)
    assert not watch.look()
    for times in (1, 2):
        cache = filled(limit_bytes - now_bytes + 16 * MIB)
        assert watch.look()
        assert not watch.look()
        event = reporter.assert_reported("316-MEM-HIGH", times=times)
        del cache
        assert not watch.look()
    assert event.attributes is not None
    assert int(str(event.attributes["process_bytes"])) > limit_bytes
    assert event.attributes["used_of"] in ("machine", "container")
    assert "by this process" in str(event.message)


def test_the_whole_machine_or_container_is_watched_as_well(reporter: MemoryReporter) -> None:
    assert MemoryWatch(limit_percent=1e-9, reporter=reporter).look()
    assert not MemoryWatch(limit_percent=100, reporter=reporter).look()
    reporter.assert_reported("316-MEM-HIGH", times=1)


def test_the_thread_looks_until_it_is_stopped(reporter: MemoryReporter) -> None:
    with MemoryWatch(limit_percent=1e-9, interval_s=0.01, reporter=reporter):
        until(lambda: reporter.events)
    reporter.assert_reported("316-MEM-HIGH", times=1)


@pytest.fixture
def traced() -> Iterator[None]:
    """tracemalloc is on."""
    was_on = tracemalloc.is_tracing()
    tracemalloc.start()
    yield
    if not was_on:
        tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_the_largest_consumers_are_told_by_file_and_line(reporter: MemoryReporter) -> None:
    cache = filled(32 * MIB)
    MemoryWatch(limit_percent=1e-9, top=2, reporter=reporter).look()
    attributes = reporter.assert_reported("316-MEM-HIGH").attributes
    assert attributes is not None
    assert str(attributes["largest_1"]).startswith(f"{__file__}:"), attributes
    assert " 32.0 MiB in " in str(attributes["largest_1"])
    assert "largest_2" in attributes
    assert "largest_3" not in attributes
    assert len(cache) == 32 * MIB


def test_without_tracemalloc_no_consumers_are_told() -> None:
    if tracemalloc.is_tracing():
        pytest.skip("tracemalloc is on for all tests")
    assert largest(5, room_bytes=1 << 40) == []


@pytest.mark.usefixtures("traced")
def test_consumers_are_not_told_where_finding_them_would_take_the_last_memory() -> None:
    assert largest(5, room_bytes=1 << 40)
    assert largest(5, room_bytes=0) == []


def cgroup(root: Path, limit: str) -> tuple[Path, Path]:
    """A cgroup's files, as Linux shows them, with 300 of 400 bytes in use of which 100 are cached files."""
    group = root / "cgroup" / "shop.slice" / "shop.service"
    group.mkdir(parents=True)
    (group / "memory.max").write_text(f"{limit}\n")
    (group / "memory.current").write_text("300\n")
    (group / "memory.stat").write_text("anon 150\nfile 150\ninactive_file 100\nactive_file 50\n")
    own = root / "own"
    own.write_text("0::/shop.slice/shop.service\n")
    return root / "cgroup", own


def test_a_containers_memory_is_its_limit_and_what_the_system_cannot_take_back(tmp_path: Path) -> None:
    assert container_memory(*cgroup(tmp_path, "400")) == (200, 400)


def test_without_a_limit_there_is_no_container(tmp_path: Path) -> None:
    assert container_memory(*cgroup(tmp_path, "max")) is None
    assert container_memory(tmp_path / "none", tmp_path / "none") is None


@pytest.mark.parametrize(
    "options",
    [
        {"limit_percent": None},
        {"limit_percent": 0},
        {"limit_percent": 101},
        {"limit_bytes": 0},
        {"interval_s": 0},
        {"top": 21},
        {"top": -1},
    ],
)
def test_wrong_options_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="should"):
        MemoryWatch(**options)  # type: ignore[arg-type]
