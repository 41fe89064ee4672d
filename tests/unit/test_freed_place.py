"""A code that was counted with the others, for want of a place, and then gets the one of a code that was forgotten."""

from fault316_streams.detect import PolicyBook
from fault316_streams.partial import Contribution, Partial, Progress, Tick
from fault316_streams.pipeline import CODE_KEPT_S, Pipeline

LATER_S = CODE_KEPT_S + 100


def said(start: int, upto: int, at_s: int, **codes: int) -> Partial:
    by_code = {code: Contribution({at_s: n}, [0, 0, 0, n]) for code, n in codes.items()}
    return Partial(1, 0, start, upto, at_s * 1_000, at_s * 1_000, True, by_code)


def tick(at_s: int) -> Tick:
    return Tick(1, at_s * 1_000, 1, {0: Progress(0, at_s * 1_000, True)})


def freed() -> Pipeline:
    """Two codes are forgotten; B and C were counted together, in the chunk at 100."""
    pipeline = Pipeline(0, PolicyBook(), codes_max=2)
    pipeline.feed(said(0, 5, 60, a=4, z=1), 0)
    pipeline.feed(said(100, 110, LATER_S, b=3, c=7), 1)
    pipeline.feed(tick(LATER_S + 10), 2)
    assert set(pipeline.codes) == {"316-OTHER-P0"}
    return pipeline


def counted(pipeline: Pipeline) -> int:
    return sum(state.window.total for state in pipeline.codes.values())


def test_what_was_counted_with_the_others_is_not_counted_again() -> None:
    """A chunk that is open says all of a code that it ever said."""
    pipeline = freed()
    pipeline.feed(said(100, 120, LATER_S + 11, b=4), 3)
    assert pipeline.codes["b"].window.total == 1
    assert counted(pipeline) == 3 + 7 + 1


def test_nor_is_an_earlier_chunk_that_is_said_again() -> None:
    """An intake that crashed resumes there."""
    pipeline = freed()
    pipeline.feed(said(40, 90, LATER_S + 11, d=4), 3)
    assert counted(pipeline) == 3 + 7


def test_a_later_chunk_is_counted_whole() -> None:
    """There is nothing to go on from."""
    pipeline = freed()
    pipeline.feed(said(120, 130, LATER_S + 11, d=4), 3)
    assert counted(pipeline) == 3 + 7 + 4
