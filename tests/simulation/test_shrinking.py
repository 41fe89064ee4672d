"""Scenarios that hypothesis draws field by field, rather than a seed: what fails shrinks in all that it is made of.

`fault316 simulate` leaves out faults only: a seed decides the rest, and must go on to mean the same.
"""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fault316_streams.code_table import CodeTable
from fault316_streams.sim import Failed, Scenario, play
from fault316_streams.sim.events import Outbreak
from fault316_streams.sim.faults import AIMED, LENGTH_S, Fault
from fault316_streams.sim.scenario import CODES
from fault316_streams.state import CodeState

OURS = settings(
    max_examples=40,
    deadline=None,  # the time is virtual; the real one says nothing
    derandomize=True,
    print_blob=True,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)

tenths = st.integers(10, int(LENGTH_S) * 10).map(lambda tenth: tenth / 10)
roles = st.sampled_from(("intake", "detect"))
slots = st.integers(0, 1)
aimed = st.builds(
    lambda kind, role, slot, life, request: Fault(
        kind, role=role, slot=slot, for_s=4.0 if kind.startswith("pause") else 0.0, life=life, request=request
    ),
    st.sampled_from(AIMED),
    roles,
    slots,
    st.integers(0, 1),
    st.integers(1, 200),
)
timed = st.builds(
    Fault,
    st.sampled_from(("crash", "pause", "rebalance")),
    tenths,
    roles,
    slots,
    st.integers(1, 8).map(float),
)
servers = st.builds(
    lambda kind, at_s, for_s: Fault(kind, at_s, for_s=for_s),
    st.sampled_from(("kafka-down", "redis-down", "redis-emptied")),
    tenths,
    st.integers(1, 8).map(float),
)
outbreaks = st.builds(
    Outbreak, st.sampled_from(CODES[:2]), st.integers(3, 14).map(float), st.just(4.0), st.just(50.0)
)


def scenarios(outbreaks_max: int, faults_max: int) -> st.SearchStrategy[Scenario]:
    return st.builds(
        Scenario,
        seed=st.integers(0, 9),
        sources=st.integers(1, 3),
        partials=st.integers(1, 2),
        intakes=st.integers(1, 2),
        detectors=st.integers(1, 2),
        block_bits=st.integers(2, 5),
        chunk_bits=st.integers(5, 8),
        chunk_ms=st.sampled_from((300, 1_000, 4_000)),
        chunk_codes_max=st.just(1_024),
        hole=st.sampled_from((0, 24)),
        codes=st.integers(2, 4).map(lambda n: CODES[:n]),
        codes_max=st.just(10_000),
        flush_ms=st.sampled_from((300, 600, 1_000)),
        checkpoint_s=st.sampled_from((0.5, 1.0, 3.0)),
        latency_s=st.sampled_from((0.01, 0.05, 0.3)),
        backlog_s=st.sampled_from((0.0, 15.0)),
        restart_all=st.booleans(),
        outbreaks=st.lists(outbreaks, max_size=outbreaks_max).map(tuple),
        faults=st.lists(aimed | timed | servers, max_size=faults_max).map(tuple),
    )


@OURS
@given(scenarios(outbreaks_max=1, faults_max=6))
def test_nothing_is_lost_doubled_or_invented(scenario: Scenario) -> None:
    """As by a seed, but what fails comes out small."""
    report = play(scenario)
    if report.wrong:
        raise Failed(report)


def test_what_fails_comes_out_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """States that are restored without what they had counted last, so that any restart of detect is one too many."""

    def read(self: CodeTable, table: object, partition: int) -> list[CodeState]:
        states = right(self, table, partition)
        for state in states:
            state.window.open.clear()
        return states

    right = CodeTable.read
    monkeypatch.setattr(CodeTable, "read", read)
    smallest: list[Scenario] = []

    @settings(OURS, phases=(Phase.generate, Phase.shrink), max_examples=10, database=None)
    @given(scenarios(outbreaks_max=0, faults_max=3))
    def search(scenario: Scenario) -> None:
        if play(scenario).wrong:
            smallest.append(scenario)
            raise AssertionError

    with pytest.raises(AssertionError):
        search()
    assert len(smallest[-1].faults) <= 2, smallest[-1]
