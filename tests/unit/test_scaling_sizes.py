"""How large statements and table entries are: the figures of docs/scaling.md, from the bench's events and at worst."""

from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest
from datasketches import hll_sketch, tgt_hll_type

from fault316_schemas import Registry
from fault316_schemas.event import COUNT_MAX
from fault316_streams.bench.load import Load, stamp_of
from fault316_streams.detect import PolicyBook
from fault316_streams.intake.border import BLOCK_BITS, CHUNK_BITS, CHUNK_MS
from fault316_streams.intake.code_sum import FACET_CHARS_MAX, FACET_VALUES_MAX
from fault316_streams.intake.combine import Chunk
from fault316_streams.intake.messages import MESSAGE_BYTES_MAX, messages, partial_of
from fault316_streams.intake.place import AHEAD_MS_MAX, COARSE_S, FINE_MS, OLD_MS
from fault316_streams.partial import (
    USERS_LG_K,
    USERS_MINUTES_MAX,
    Contribution,
    Partial,
    Sample,
    decode,
    encode,
)  # fmt: skip
from fault316_streams.pipeline import Pipeline
from fault316_streams.settings import WorkerSettings
from fault316_streams.state import encode_state
from fault316_streams.topic_specs import topic_specs
from story import T

DOC: Final = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text(encoding="utf-8")
BLOCK, CHUNK = 1 << BLOCK_BITS, 1 << CHUNK_BITS
BASE_BYTES_MAX: Final = 700_000
"""Of an entry without its statements: facets of 64 values twice, panes, users, and ten alerts that are not shown yet."""


@cache
def whole_chunk(codes: int) -> tuple[Chunk, dict[str, Contribution]]:
    """A whole chunk of the bench's events, and what it says of its codes."""
    chunk = Chunk(0, Registry())
    chunk.add(
        [
            SimpleNamespace(
                offset=n, timestamp=T * 1_000, value=event.at(stamp_of(T + n * CHUNK_MS / 1_000 / CHUNK))
            )
            for n, event in enumerate(Load(codes).events(CHUNK))
        ]
    )
    return chunk, chunk.snapshot()


def told(codes: int, sources: int) -> list[bytes]:
    """The messages about it, the same ones from each source partition."""
    chunk, said = whole_chunk(codes)
    partials = [partial_of(chunk, source, said, T * 1_000, True) for source in range(sources)]
    return [message.value for partial in partials for message in messages(partial, 1)]


@pytest.mark.parametrize(("codes", "bytes_each"), [(10, 1_700), (1_000, 400)])
def test_what_a_statement_takes(codes: int, bytes_each: int) -> None:
    """Most of it are facets and users: a code with few events in the chunk takes a quarter of a hot one."""
    assert sum(map(len, told(codes, 1))) / codes == pytest.approx(bytes_each, rel=0.1)


@pytest.mark.parametrize(("codes", "bytes_each"), [(10, 1_700), (1_000, 400)])
def test_an_entry_grows_by_a_statement_for_each_source_partition(codes: int, bytes_each: int) -> None:
    """It has to know what each of them said last, or a repeat would be counted."""
    calm = PolicyBook.parse({"storm": {"default": {"floor": 1_000_000}}})  # an alert would be larger
    sizes = []
    for sources in (1, 5):
        pipeline = Pipeline(0, calm)
        for offset, value in enumerate(told(codes, sources)):
            pipeline.feed(decode(value), offset)
        sizes.append(sum(len(encode_state(state)) for state in pipeline.codes.values()) / codes)
    assert (sizes[1] - sizes[0]) / 4 == pytest.approx(bytes_each, rel=0.1)


def test_how_large_a_statement_can_be() -> None:
    """Whatever clients write: a table entry has one from each source partition, and has to stay below its limit."""
    value = "\N{FIRE}" * FACET_CHARS_MAX
    facet = {f"{n}{value}"[:FACET_CHARS_MAX]: COUNT_MAX for n in range(FACET_VALUES_MAX + 1)}
    users = hll_sketch(USERS_LG_K, tgt_hll_type.HLL_4)
    for n in range(1_000):
        users.update(n)
    # Each second there may be on time, each ten seconds of a day, and a block that goes on for as long as it likes.
    fine = (FINE_MS + AHEAD_MS_MAX + CHUNK_MS) // 1_000
    seconds = fine + (OLD_MS - FINE_MS) // (1_000 * COARSE_S) + BLOCK
    largest = Contribution(
        seconds={T - n: COUNT_MAX for n in range(seconds)},
        services=facet,
        hosts=facet,
        endpoints=facet,
        exception_types=facet,
        users={n: bytes(users.serialize_compact()) for n in range(T // 60, T // 60 + USERS_MINUTES_MAX)},
        samples=[Sample(value, 2 * value, 2 * value, value * 3)],
    )
    size = len(encode(Partial(1, 0, 0, CHUNK, 0, 0, True, {"316-A": largest})))
    assert size < MESSAGE_BYTES_MAX
    [entry_bytes_max] = [
        int(spec.config["max.message.bytes"])
        for spec in topic_specs(WorkerSettings(_env_file=None))
        if spec.name == "316.detect-codes-changelog"
    ]
    partitions = int((entry_bytes_max - BASE_BYTES_MAX) / size)
    assert f"{BASE_BYTES_MAX / 1e6} MB + P × {size / 1e6:.2f} MB: {partitions} partitions" in DOC
