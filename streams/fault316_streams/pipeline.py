"""Detect, for one partials partition: merge → panes → judge → alert. The stages in order, no clock, no IO.

    partial ─▶ merge ─▶ panes touched ─▶ judge.look ────▶ opened, escalated ─┐
    tick ────▶ timeline moves ─────────▶ judge.settle ──▶ resolved ──────────┴─▶ alert, pending in the state

A message in, a `Step` out: which codes changed, and which made a transition and must be written at once.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from fault316_schemas import StormAlert
from fault316_streams.alert import advance
from fault316_streams.detect import BaselineJudge, Judge, PolicyBook, Verdict
from fault316_streams.detect.baseline import PRIOR_PER_S, pooled_rate
from fault316_streams.partial import Partial, Spoken, Tick, partials_of
from fault316_streams.state import STATE_VERSION, CodeState
from fault316_streams.window import COUNTED, Outcome, Timeline, handed_over, merge, merge_overflow

CODES_MAX: Final = 2_000
"""Codes kept per partials partition, 16,000 over eight; the rest count under `316-OTHER-P<partition>`. What a code
takes is in docs/architecture.md, "Memory"."""
CODE_KEPT_S: Final = 30 * 86_400
"""A code without events for this long is forgotten, as its Redis keys are."""
LOOK_BACK_S: Final = 60
"""Seconds that came of age since the last tick and are looked at; ticks come every second. More than that only
after a restore or an outage, where every code would be looked at 900 times at once."""
SETTLE_EVERY_S: Final = 10
"""How often a quiet code is settled: the width of a baseline bucket."""
POOL_EVERY_S: Final = 60
OVER_LIMIT_NAMED: Final = 64
"""Of the codes beyond the limit, about this many of the heaviest are known by name."""


class Step:
    """What one message changed."""

    def __init__(self) -> None:
        self.changed: dict[str, set[int]] = {}
        """Codes whose state is not what the table holds → epoch minutes in which their counts grew."""
        self.alerts: list[StormAlert] = []
        """Transitions; each is pending in its code's state."""
        self.dropped: set[str] = set()
        """Codes forgotten after a month of silence; their table entries are to be deleted."""


class Tally:
    """What pipelines count of themselves, for the metrics. One for all of a worker's, so that it only grows."""

    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.over_limit = 0
        """Statements about codes beyond the limit."""
        self.heaviest: Counter[str] = Counter()
        """Those codes by name, bounded to the heaviest."""

    def note_over_limit(self, code: str) -> None:
        """A code had to be counted with the others."""
        self.over_limit += 1
        self.heaviest[code] += 1
        if len(self.heaviest) > 2 * OVER_LIMIT_NAMED:
            self.heaviest = Counter(dict(self.heaviest.most_common(OVER_LIMIT_NAMED)))


class Pipeline:
    """The codes of one partials partition."""

    def __init__(
        self,
        partition: int,
        book: PolicyBook,
        judge: Judge | None = None,
        codes_max: int = CODES_MAX,
        tally: Tally | None = None,
    ) -> None:
        self.partition = partition
        self.codes: dict[str, CodeState] = {}
        self.timeline = Timeline()
        self.tally = tally or Tally()
        self.forgets = True
        """Whether codes may be forgotten now. Not by one who may no longer own them."""
        self._book = book
        self._judge: Judge = judge or BaselineJudge()
        self._codes_max = codes_max
        self._due_s: dict[str, int] = {}
        self._looked_s = 0
        self.prior_per_s = PRIOR_PER_S
        """What a code without history is expected to do: the pooled rate."""
        self._pooled_s = 0

    def restore(self, states: Iterable[CodeState]) -> None:
        """Take over the states of this partition's codes."""
        self.codes = {state.code: state for state in states}

    def feed(self, message: Spoken, offset: int) -> Step:
        """Take in the message at `offset` of this partials partition."""
        step = Step()
        for partial in partials_of(message):
            self.timeline.hear(partial)
            self._partial(partial, offset, step)
        if isinstance(message, Tick):
            self.timeline.hear(message)
            self._tick(step)
        for alert in step.alerts:
            # A transition makes a newer state, too; the code may be forgotten in the same step.
            if state := self.codes.get(alert.code):
                state.offset = max(state.offset, offset)
        return step

    def _partial(self, partial: Partial, offset: int, step: Step) -> None:
        for code, said in partial.codes.items():
            state = self._admit(code)
            if state.code == code:
                merged = merge(state.window, partial, said)
            else:
                merged = merge_overflow(state.window, state.overflow, partial, code, said)
            self.tally.outcomes[merged.outcome] += 1
            if merged.outcome in COUNTED:
                state.offset = max(state.offset, offset)
                state.heard_s = self.timeline.high_s
                minutes = step.changed.setdefault(state.code, set())
                minutes.update(second // 60 for second in merged.touched)
                self._look(state, merged.touched, step)

    def _tick(self, step: Step) -> None:
        low_s, high_s = self.timeline.low_s, self.timeline.high_s
        # Seconds that lay in the future when their events came are judged when their time has come.
        arrived = range(max(self._looked_s + 1, high_s - LOOK_BACK_S), high_s + 1)
        self._looked_s = max(self._looked_s, high_s)
        self._pool(low_s)
        for code, state in list(self.codes.items()):
            judge = state.judge
            self._look(state, [second for second in arrived if second in state.window.panes.seconds], step)
            if judge.rule_since:
                self._look(state, [high_s], step)
            if judge.storm or judge.rule_since or low_s >= self._due_s.get(code, 0):
                self._settle(state, low_s, high_s, step)

    def _look(self, state: CodeState, seconds: list[int], step: Step) -> None:
        policy = self._book.policy(state.code)
        for second in seconds:
            if second <= self.timeline.high_s:
                verdict = self._judge.look(policy, state.judge, state.window, second, self.prior_per_s)
                if verdict:
                    self._raise(state, verdict, step)

    def _settle(self, state: CodeState, low_s: int, high_s: int, step: Step) -> None:
        policy = self._book.policy(state.code)
        while verdict := self._judge.settle(policy, state.judge, state.window, low_s):
            self._raise(state, verdict, step)
            # What came after the end may be the next storm already. Nobody can tell then whose facets are whose.
            self._look(state, state.window.panes.seconds_from(verdict.at_s + 1, high_s + 1), step)
            if state.judge.storm is None:
                state.window.recent.start_over()
        if state.judge.storm is None:
            state.window.recent.turn(low_s)
        else:
            state.window.recent.gather(state.judge.storm.started_s, low_s)
        state.window.panes.let_go(low_s, high_s)
        self._due_s[state.code] = low_s + SETTLE_EVERY_S
        state.heard_s = state.heard_s or low_s
        idle = low_s - state.heard_s > CODE_KEPT_S and state.judge.phase == "quiet"
        if idle and self.forgets and not state.alerts.pending:
            self._drop(state.code, step)

    def _drop(self, code: str, step: Step) -> None:
        del self.codes[code]
        self._due_s.pop(code, None)
        step.changed.pop(code, None)
        step.dropped.add(code)

    def _raise(self, state: CodeState, verdict: Verdict, step: Step) -> None:
        step.alerts.append(advance(state.alerts, verdict, state.window, state.code, self._book.registry))
        step.changed.setdefault(state.code, set())

    def _admit(self, code: str) -> CodeState:
        if state := self.codes.get(code):
            return state
        common = f"316-OTHER-P{self.partition}"
        if len(self.codes) >= self._codes_max:
            self.tally.note_over_limit(code)
            return self.codes.setdefault(common, CodeState(STATE_VERSION, common))
        state = self.codes[code] = CodeState(STATE_VERSION, code)
        if others := self.codes.get(common):
            # A place became free, as another code was forgotten. It may have been one of those without.
            state.window.open = handed_over(others.overflow, code)
        return state

    def _pool(self, low_s: int) -> None:
        if low_s - self._pooled_s >= POOL_EVERY_S:
            self._pooled_s = low_s
            self.prior_per_s = pooled_rate([state.judge.baseline for state in self.codes.values()])
