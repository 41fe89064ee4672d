"""What is said of a peer: its pace, its share of fault316's, or why there is none."""

import os
import re
import stat
from pathlib import Path

import psutil
import pytest

from fault316_streams.bench.peer import Facts, Peer, find, set_up
from fault316_streams.bench.peer_output import Result
from fault316_streams.bench.peer_run import Pace, Point, Reading, paces, run
from fault316_streams.bench.peers import Row, compared
from fault316_streams.bench.sample import Sample
from fault316_streams.errors import Failure, Misuse
from support import until


def points(*lines: tuple[int, float, float]) -> list[Point]:
    """Of (events read, seconds, CPU seconds)."""
    return [Point(read, Sample(at_s, cpu_s, 0.0, 0.0)) for read, at_s, cpu_s in lines]


def script(file: Path, text: str) -> None:
    """An executable."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def peer(root: Path, *, setup: str = "", run: str = "", facts: str = "", name: str = "some") -> Peer:
    """Of two scripts."""
    script(root / name / "setup", setup)
    script(root / name / "run", run)
    if facts:
        (root / name / "peer.toml").write_text(facts)
    [found] = find(root, [name])
    found.work.mkdir(parents=True, exist_ok=True)
    return found


def ran(peer: Peer, events: int = 100) -> list[int]:
    """How far it said it was."""
    return [point.read for point in run(peer, os.environ, events, None, lambda _: None)]


def ended(pid: int) -> bool:
    """Whether a process is gone, or only still to be buried by whoever has adopted it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class TestPace:
    def test_begins_with_the_first_line_that_has_events_and_not_with_the_start(self) -> None:
        whole, _ = paces(points((100, 10.0, 5.0), (600, 12.0, 6.0), (1_100, 14.0, 6.5)))
        assert whole == Pace(seconds=4.0, events_per_s=250, cpu_us=1_500.0)

    def test_warm_is_from_the_first_line_with_half_of_the_events(self) -> None:
        _, warm = paces(points((100, 10.0, 5.0), (600, 12.0, 6.0), (1_100, 14.0, 6.5)))
        assert warm == Pace(seconds=2.0, events_per_s=250, cpu_us=1_000.0)

    def test_there_is_no_warm_one_where_only_the_last_line_is_beyond_half(self) -> None:
        _, warm = paces(points((100, 10.0, 5.0), (1_100, 14.0, 6.5)))
        assert warm is None

    def test_lines_after_all_are_read_count_until_the_results_are_written(self) -> None:
        whole, warm = paces(points((10, 0.0, 0.0), (60, 1.0, 1.0), (110, 2.0, 2.0), (110, 3.0, 2.0)))
        assert whole.seconds == 3.0
        assert warm == Pace(seconds=2.0, events_per_s=25, cpu_us=20_000.0)

    def test_of_a_run_that_was_mostly_over_when_it_was_first_seen_is_refused(self) -> None:
        with pytest.raises(Failure, match="1,000 events are too few: 600 were read when"):
            paces(points((600, 1.0, 1.0), (1_000, 2.0, 2.0)))


@pytest.mark.parametrize(
    ("line", "reading"),
    [
        (b'{"read": 12}\n', Reading(12)),
        (b'{"read":12,"done":true}', Reading(12, done=True)),
        (b'{"read": 12, "phase": "warm"}', Reading(12)),
        (b"starting\n", None),
        (b'{"level": "info"}', None),
        (b'{"read": "12"}', None),
        (b"\xff\n", None),
    ],
)
def test_a_line_says_how_far_it_is_or_something_else(line: bytes, reading: Reading | None) -> None:
    assert Reading.of(line) == reading


class TestResult:
    def test_other_fields_do_not_matter(self) -> None:
        value = b'{"code": "316-A-ERR", "window": 1780000000, "events": 4711, "until": 1780000010}'
        assert Result.of(value) == Result("316-A-ERR", 1_780_000_000, 4_711)

    @pytest.mark.parametrize(
        "value", [b"", b'{"code": "316-A-ERR", "window": 1780000000.5, "events": 1}', b"[]"]
    )
    def test_what_is_none_is_a_failure_that_shows_it(self, value: bytes) -> None:
        with pytest.raises(Failure, match=f"writes {re.escape(repr(value))}, which is no result"):
            Result.of(value)


class TestCompared:
    def test_the_ratio_is_to_the_mean_of_both_runs_of_fault316(self) -> None:
        first = Row("fault316", "", events_per_s=190, warm_events_per_s=200)
        last = Row("fault316", "", events_per_s=210, warm_events_per_s=220)
        other = Row("other", "", events_per_s=50, warm_events_per_s=100)
        rows = compared([first, other, last])
        assert [(row.ratio, row.warm_ratio) for row in rows] == [(1.05, 1.05), (4.0, 2.1), (0.95, 0.95)]

    def test_who_has_failed_has_none_and_does_not_count(self) -> None:
        failed, ours = Row("fault316", "", problem="broken"), Row("fault316", "", events_per_s=100)
        rows = compared([failed, Row("other", "", problem="broken"), Row("third", "", events_per_s=50), ours])
        assert [row.ratio for row in rows] == [None, None, 2.0, 1.0]

    def test_nothing_is_compared_to_a_fault316_that_failed_twice(self) -> None:
        rows = [Row("fault316", "", problem="broken"), Row("other", "", events_per_s=50)]
        assert compared(rows) == rows


OURS = Path(__file__).parents[3] / "bench" / "peers"


class TestFind:
    @pytest.mark.parametrize("each", find(OURS), ids=lambda each: each.name)
    def test_those_of_the_project_have_a_title_and_two_programs(self, each: Peer) -> None:
        assert each.facts.title
        assert all(os.access(each.folder / name, os.X_OK) for name in ("setup", "run"))

    def test_those_of_the_project_are_all_found(self) -> None:
        java = ["flink-datastream", "flink-sql", "kafka-streams"]
        assert [each.name for each in find(OURS)] == [
            "bytewax",
            "faust-hopping",
            "faust-tumbling",
            *java,
            "quix",
        ]

    def test_peers_lie_in_any_depth_and_may_have_facts(self, tmp_path: Path) -> None:
        peer(
            tmp_path / "java", name="slow", facts='title = "Slow 1"\nevents_max = 5000\nwindows_per_event = 6'
        )
        peer(tmp_path, name="other")
        script(tmp_path / ".work" / "other" / "run", "what a peer has installed is no peer")
        other, slow = find(tmp_path)
        assert (other.name, other.title, other.facts) == ("other", "other", Facts())
        assert slow.title == "Slow 1"
        assert slow.facts == Facts(title="Slow 1", events_max=5_000, windows_per_event=6)
        assert slow.work == tmp_path / ".work" / "slow"

    def test_an_unknown_name_is_answered_with_those_there_are(self, tmp_path: Path) -> None:
        peer(tmp_path, name="one")
        peer(tmp_path, name="two")
        with pytest.raises(Misuse, match="no peer three; there are one, two"):
            find(tmp_path, ["one", "three"])

    def test_a_folder_without_peers_is_a_mistake(self, tmp_path: Path) -> None:
        with pytest.raises(Misuse, match="no peers in"):
            find(tmp_path)

    @pytest.mark.parametrize("facts", ["events_max = 1", "speed = 3", "title"])
    def test_wrong_facts_are_a_mistake_that_names_the_file(self, tmp_path: Path, facts: str) -> None:
        with pytest.raises(Misuse, match=r"peer\.toml: "):
            peer(tmp_path, facts=facts)


class TestSetUp:
    def test_who_cannot_says_why_in_its_last_line(self, tmp_path: Path) -> None:
        some = peer(tmp_path, setup="echo looking; echo 'needs a compiler' >&2; exit 3")
        with pytest.raises(
            Failure, match=r"not installed: needs a compiler \(exit code 3, log: .*setup\.log"
        ):
            set_up(some)

    def test_it_gets_an_interpreter_and_what_it_says_is_kept(self, tmp_path: Path) -> None:
        some = peer(tmp_path, setup='"$PEER_PYTHON" -c "print(6 * 7)"')
        set_up(some)
        assert (some.work / "setup.log").read_text() == "42\n"

    def test_what_is_not_executable_is_not_installed(self, tmp_path: Path) -> None:
        some = peer(tmp_path)
        (some.folder / "setup").chmod(0o600)
        with pytest.raises(Failure, match="not installed"):
            set_up(some)


class TestRun:
    DONE = """echo '{"read": 0}'; echo hello; echo '{"read": 40}'; echo '{"read": 100, "done": true}'"""

    def test_points_are_of_the_lines_with_events_and_the_rest_is_in_its_log(self, tmp_path: Path) -> None:
        some = peer(tmp_path, run=f"echo oops >&2; {self.DONE}")
        assert ran(some) == [40, 100]
        assert sorted((some.work / "run.log").read_text().split()) == ["hello", "oops"]

    def test_it_may_go_on_and_is_ended_with_its_children(self, tmp_path: Path) -> None:
        children = tmp_path / "children"
        some = peer(tmp_path, run=f"sleep 600 & echo $! >{children}; {self.DONE}; wait")
        assert ran(some) == [40, 100]
        until(lambda: ended(int(children.read_text())))

    def test_its_last_words_are_told_where_it_ends_too_soon(self, tmp_path: Path) -> None:
        some = peer(tmp_path, run="""echo '{"read": 40}'; echo 'no such topic' >&2; exit 1""")
        with pytest.raises(Failure, match="ended before it was done: no such topic"):
            ran(some)

    def test_done_with_another_number_of_events_is_a_failure(self, tmp_path: Path) -> None:
        with pytest.raises(Failure, match="says it is done after 100 of 200 events"):
            ran(peer(tmp_path, run=self.DONE), events=200)

    def test_standing_still_is_a_failure(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fault316_streams.bench.peer_run.STANDSTILL_S", 0.5)
        repeats = """while true; do echo '{"read": 40}'; sleep 0.1; done"""
        with pytest.raises(Failure, match="stands still: 40 events since"):
            ran(peer(tmp_path, run=repeats))
