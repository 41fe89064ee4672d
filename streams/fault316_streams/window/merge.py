"""Merging partials: statements that may come twice, late or from a zombie, into counts that are exact.

Per source partition a code keeps the one range that is still open, with what was said about it. A new statement
about a range is one of four things (offsets grow to the right):

    known            ├── start ─────── upto
    grew             ├── start ─────────────── upto          same start, further: count the difference
    next                                ├── start ── upto    begins where known ends or later: known is final
    already known    ├── start ── upto                       or anything that begins earlier: ignore
    overlap              ├── start ─────────── upto          begins inside, ends beyond: cannot be counted

An overlap cannot come from a correct intake: ranges begin at a chunk's border or are one record long, which is how
an intake goes on inside of a chunk that retention has eaten into. It is refused and counted, never guessed.
"""

from enum import StrEnum

import msgspec

from fault316_streams.partial import Contribution, Partial
from fault316_streams.window.panes import Panes
from fault316_streams.window.recent import Recent


class Outcome(StrEnum):
    """What a statement turned out to be; also a metric label."""

    GREW = "grew"
    NEXT = "next"
    ALREADY_KNOWN = "already_known"
    OVERLAP = "overlap"


COUNTED = frozenset({Outcome.GREW, Outcome.NEXT})
"""The outcomes that change counts."""


class Open(msgspec.Struct, array_like=True):
    """The range of one source partition that may still grow."""

    start: int
    upto: int
    said: Contribution


class WindowState(msgspec.Struct, array_like=True):
    """All that is counted of one code. Positions and counts are one value, so no crash can separate them."""

    open: dict[int, Open] = {}
    """By source partition."""
    panes: Panes = msgspec.field(default_factory=Panes)
    recent: Recent = msgspec.field(default_factory=Recent)
    severity: list[int] = msgspec.field(default_factory=lambda: [0, 0, 0, 0])
    late: int = 0
    skewed: int = 0
    old: int = 0
    first_ms: int = 0
    last_ms: int = 0

    @property
    def total(self) -> int:
        """All events of this code."""
        return sum(self.severity)


class Merged(msgspec.Struct, frozen=True):
    """What came of one statement: its outcome and the epoch seconds whose counts grew, in order."""

    outcome: Outcome
    touched: list[int]


def merge(state: WindowState, partial: Partial, said: Contribution) -> Merged:
    """Take what `partial` says about one code into its state."""
    known = state.open.get(partial.partition)
    merged = _take_in(state, known, partial, said)
    if merged.outcome in COUNTED:
        state.open[partial.partition] = Open(partial.start, partial.upto, said)
    return merged


def merge_overflow(
    state: WindowState, ranges: dict[int, dict[str, Open]], partial: Partial, code: str, said: Contribution
) -> Merged:
    """The same for one of many codes that are counted together in `state`.

    `ranges` keeps, by source partition, what each of those codes said of the newest chunk. It is bounded by the
    codes that a chunk can name: when a later chunk begins, all earlier ones are final, but for one that is now said
    again record by record.
    """
    by_code = ranges.setdefault(partial.partition, {})
    newest = max((known.start for known in by_code.values()), default=0)
    if partial.start < newest:
        return Merged(Outcome.ALREADY_KNOWN, [])
    if partial.start > newest:
        for over in [name for name, known in by_code.items() if known.upto <= partial.start]:
            del by_code[over]
    merged = _take_in(state, by_code.get(code), partial, said)
    if merged.outcome in COUNTED:
        by_code[code] = Open(partial.start, partial.upto, said)
    return merged


def handed_over(ranges: dict[int, dict[str, Open]], code: str) -> dict[int, Open]:
    """Where a code begins that was counted together with others and gets a place of its own, as one is free.

    In each source partition it goes on from what it said there of the newest chunk. All before that chunk is final,
    and may be said again.
    """
    begins = {}
    for partition, by_code in ranges.items():
        if by_code:
            newest = max(known.start for known in by_code.values())
            begins[partition] = by_code.get(code) or Open(newest, newest, Contribution())
    return begins


def _take_in(state: WindowState, known: Open | None, partial: Partial, said: Contribution) -> Merged:
    outcome = _outcome(known, partial)
    if outcome not in COUNTED:
        return Merged(outcome, [])
    before = known.said if known is not None and outcome is Outcome.GREW else None
    for i in range(4):
        state.severity[i] += said.severity[i] - (before.severity[i] if before else 0)
    state.late += said.late - (before.late if before else 0)
    state.skewed += said.skewed - (before.skewed if before else 0)
    state.old += said.old - (before.old if before else 0)
    if said.first_ms:
        state.first_ms = min(state.first_ms or said.first_ms, said.first_ms)
        state.last_ms = max(state.last_ms, said.last_ms)
    state.recent.add(said, before)
    return Merged(outcome, _count_seconds(state.panes, said, before))


def _outcome(known: Open | None, partial: Partial) -> Outcome:
    if known is None or partial.start >= known.upto:
        return Outcome.NEXT
    if partial.upto <= known.upto or partial.start < known.start:
        return Outcome.ALREADY_KNOWN
    return Outcome.GREW if partial.start == known.start else Outcome.OVERLAP


def _count_seconds(panes: Panes, said: Contribution, before: Contribution | None) -> list[int]:
    counted = before.seconds if before else {}
    touched = []
    for second, events in said.seconds.items():
        more = events - counted.get(second, 0)
        if more:
            panes.add(second, more)
            touched.append(second)
    touched.sort()
    return touched
