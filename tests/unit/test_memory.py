"""What a code takes in a detector, in memory and as a table entry: the arithmetic of docs/architecture.md, "Memory"."""

import gc
import tracemalloc
from collections.abc import Iterable, Sequence
from typing import Final

import pytest
from datasketches import hll_sketch, tgt_hll_type

from fault316_streams.detect import PolicyBook
from fault316_streams.partial import (
    USERS_LG_K,
    Contribution,
    Partial,
    Progress,
    Sample,
    Tick,
    decode,
    encode,
)  # fmt: skip
from fault316_streams.pipeline import Pipeline
from fault316_streams.state import encode_state
from fault316_streams.window import Panes
from story import T

SOURCES: Final = 8
CODE: Final = "316-BUSY"


def contribution(second: int, values: int, chars: int, users: int) -> Contribution:
    """What a chunk says of a code, with so many distinct values of each facet."""
    services, hosts, endpoints, types = (
        {f"{facet}-{n}".ljust(chars, "x"): 1 for n in range(values)} for facet in "shex"
    )
    sketch = hll_sketch(USERS_LG_K, tgt_hll_type.HLL_4)
    for n in range(users):
        sketch.update(f"{second}-{n}")
    return Contribution(
        seconds={second: values},
        severity=[0, values, 0, 0],
        first_ms=second * 1_000,
        last_ms=second * 1_000,
        services=services,
        hosts=hosts,
        endpoints=endpoints,
        exception_types=types,
        users={second // 60: bytes(sketch.serialize_compact())},
        samples=[Sample("e" * 36, "r" * 36, "t" * 32, "m" * 100)],
    )


def fill(
    pipeline: Pipeline, code: str, seconds: Iterable[int], sources: int, shape: tuple[int, int, int]
) -> None:
    """The code has a contribution from each source partition in each of the seconds."""
    for turn, second in enumerate(seconds):
        said = contribution(second, *shape)
        start, ms = turn * 4_096, second * 1_000
        for source in range(sources):
            told = encode(Partial(1, source, start, start + 4_096, ms, ms, True, {code: said}))
            pipeline.feed(decode(told), 2 * turn)
        progress = {source: Progress(start, ms, True) for source in range(sources)}
        pipeline.feed(Tick(1, ms, sources, progress), 2 * turn + 1)


def busy_for_a_day(panes: Panes) -> None:
    """Events in every second up to T."""
    for second in range(T - 86_400, T):
        panes.add(second, 100)
        if second % 60 == 0:
            panes.let_go(second, second)


@pytest.mark.parametrize(
    ("seconds", "sources", "shape", "memory_kb_max", "encoded_kb_max"),
    [
        pytest.param([T], 1, (1, 8, 1), 8, 1, id="one event"),
        pytest.param(range(T, T + 130), SOURCES, (1, 8, 1), 60, 15, id="an event a second"),
        pytest.param(range(T, T + 130, 4), SOURCES, (16, 12, 16), 70, 30, id="many values"),
        pytest.param(range(T, T + 700, 20), SOURCES, (16, 128, 2_000), 220, 140, id="as large as can be"),
    ],
)
def test_what_a_code_takes(
    seconds: Sequence[int],
    sources: int,
    shape: tuple[int, int, int],
    memory_kb_max: int,
    encoded_kb_max: int,
) -> None:
    """Of each source partition a code keeps what was said last, so it grows with their number."""
    pipeline = Pipeline(0, PolicyBook())
    fill(pipeline, "316-FIRST", seconds[:1], sources, shape)  # with it comes what is made once
    gc.collect()
    tracemalloc.start()
    fill(pipeline, CODE, seconds[:1], sources, shape)
    if len(seconds) > 1:
        busy_for_a_day(pipeline.codes[CODE].window.panes)
        fill(pipeline, CODE, seconds, sources, shape)
    gc.collect()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    encoded = len(encode_state(pipeline.codes[CODE]))
    print(f"{taken / 1_000:.1f} kB in memory, {encoded / 1_000:.1f} kB encoded")
    assert taken <= memory_kb_max * 1_000
    assert encoded <= encoded_kb_max * 1_000
