"""The comparison of clients: each way is called equally often, by turns, and other threads' work is in the sum."""

import threading
import time
import traceback

from fault316 import BackgroundReporter, Connection
from fault316_streams.bench.client import Micros, alone, in_turn
from fault316_streams.bench.client_ways import FRAMES, Way, ours, thrown

NOWHERE = Connection(_env_file=None, bootstrap_servers="127.0.0.1:1")


def silent(_what: str) -> None:
    """Nobody watches."""


def burn(cpu_ns: int) -> None:
    """Take so much of the calling thread's CPU."""
    end = time.thread_time_ns() + cpu_ns
    while time.thread_time_ns() < end:
        pass


def test_percentiles_are_of_the_calls_in_microseconds() -> None:
    assert Micros.of(range(0, 101_000, 1_000)) == Micros(p50=50, p95=95, p99=99)
    assert Micros.of([1_234_567] * 9).p50 == 1_235
    assert Micros.of([1_234] * 9).p99 == 1.2


def test_ways_take_turns_and_the_warm_up_is_left_out() -> None:
    called: list[str] = []
    settled: list[str] = []

    def way(name: str, cost_ns: int) -> Way:
        def once(number: int) -> int:
            called.append(name)
            return cost_ns if number >= 0 else 1_000_000_000

        return Way("test", name, "-", once, settle=lambda: settled.append(name))

    costs = in_turn([way("a", 1), way("b", 2)], 100, silent)
    assert costs == [[1] * 100, [2] * 100]
    rounds = list(zip(called[::2], called[1::2], strict=True))
    assert set(rounds) == {("a", "b"), ("b", "a")}, "the order changes"
    assert settled == ["a", "b"]


def test_the_process_costs_what_its_other_threads_do_too_and_not_what_is_done_around_a_call() -> None:
    left: list[int] = []

    def once(number: int) -> int:
        left.append(number)
        burn(500_000)  # such as making the exception that is to be reported
        return 100_000

    def work() -> None:
        burn(400_000 * len(left))

    def settle() -> None:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    calling_us, process_us = alone(Way("test", "call", "-", once, settle), 100, silent)
    assert calling_us == 100
    assert 450 <= process_us < 950


def test_an_exception_has_the_frames_it_is_said_to_have() -> None:
    error = thrown(7)
    assert len(traceback.extract_tb(error.__traceback__)) == FRAMES
    assert "request 7" in str(error)


def test_every_way_of_ours_reports_once_but_a_guard_that_nothing_passes() -> None:
    with BackgroundReporter("bench", connection=NOWHERE, resources=False) as reporter:
        ways = {way.call: way for way in ours("down", reporter)}
        for way in ways.values():
            assert way.once(0) > 0
    assert ways.keys() == {"report", "report_exception", "guard, passed", "guard, raised"}
    assert ways["report"].dropped() == 3, "of four; what was not delivered when it was closed"
