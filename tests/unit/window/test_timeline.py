"""Which time it is, as heard in messages."""

from fault316_streams.partial import Partial, Progress, Tick
from fault316_streams.window import Timeline

T = 1_790_000_000


def tick(at_s: float, **progress: tuple[float, bool]) -> Tick:
    """`p0=(log time, caught up)`; always of a topic with two partitions."""
    said = {int(name[1:]): Progress(0, int(log_s * 1_000), up) for name, (log_s, up) in progress.items()}
    return Tick(1, int(at_s * 1_000), 2, said)


def test_caught_up_partitions_are_at_the_wall_time() -> None:
    """An idle system still moves on, so that a storm that went quiet can end."""
    timeline = Timeline()
    timeline.hear(tick(T + 5, p0=(T - 900, True), p1=(0, True)))
    assert (timeline.high_s, timeline.low_s) == (T + 5, T + 4)


def test_a_backlog_is_at_the_time_of_the_log() -> None:
    """Hours behind, judgement happens then and not now."""
    timeline = Timeline()
    timeline.hear(tick(T, p0=(T - 7_200, False), p1=(T - 3_600, False)))
    assert (timeline.high_s, timeline.low_s) == (T - 3_600, T - 7_201)


def test_nothing_is_final_until_every_partition_has_been_heard_of() -> None:
    """One partition without an owner: no end yet, but warnings."""
    timeline = Timeline()
    timeline.hear(tick(T, p0=(T, True)))
    assert (timeline.high_s, timeline.low_s) == (T, 0)
    assert timeline.waiting_for == [1]


def test_a_silent_partition_holds_ends_back_for_the_silence_limit_only() -> None:
    """After 30 s without a word from anyone it no longer counts."""
    timeline = Timeline()
    timeline.hear(tick(T, p0=(T, True), p1=(T, True)))
    for second in range(1, 31):
        timeline.hear(tick(T + second, p0=(T, True)))
    assert timeline.low_s == T - 1
    timeline.hear(tick(T + 31, p0=(T, True)))
    assert timeline.low_s == T + 30


def test_when_nobody_spoke_no_partition_was_silent() -> None:
    """All intakes were away; the first one back has one of the partitions so far, and read that further than others.

    A storm would end on a quarter of its counts, and begin again when the rest is heard.
    """
    timeline = Timeline()
    timeline.hear(tick(T, p0=(T - 10, False), p1=(T - 60, False)))
    timeline.hear(tick(T + 70, p0=(T - 10, False)))
    assert timeline.low_s == T - 61


def test_a_partial_makes_nothing_final() -> None:
    """It may be of the hot codes alone: a storm of another ended on the counts of three partitions of four."""
    timeline = Timeline()
    timeline.hear(tick(T, p0=(T - 60, False), p1=(T - 60, False)))
    timeline.hear(Partial(1, 0, 0, 5, (T - 30) * 1_000, T * 1_000, False, {}))
    timeline.hear(Partial(1, 1, 0, 5, (T - 20) * 1_000, T * 1_000, False, {}))
    timeline.hear(tick(T + 1, p0=(T - 59, False), p1=(T - 59, False)))
    assert (timeline.high_s, timeline.low_s) == (T - 20, T - 60)


def test_time_never_runs_backwards() -> None:
    """A new owner that is further behind, or whose clock is, moves nothing back."""
    timeline = Timeline()
    timeline.hear(tick(T, p0=(T, True), p1=(T, True)))
    timeline.hear(tick(T - 50, p0=(T - 9_000, False), p1=(T - 50, True)))
    timeline.hear(Partial(1, 0, 0, 5, (T - 70) * 1_000, (T - 60) * 1_000, False, {}))
    assert (timeline.high_s, timeline.low_s) == (T, T - 1)
