"""The judge: is this second of this code part of a storm, and why?

Two questions, because counts only grow. `look` may say at once that a storm opens or escalates, on what is known
so far of one second. `settle` walks through the seconds that every source partition has passed, one by one: only
there can a storm end, a rule's `for` time be broken, and the baseline learn.
"""

from typing import Protocol

import msgspec

from fault316_schemas import Reason, Severity, Transition
from fault316_streams.detect.baseline import Baseline
from fault316_streams.detect.policy import StormPolicy
from fault316_streams.window import WindowState


class Storm(msgspec.Struct, array_like=True):
    """What the judge keeps of a storm that is on."""

    started_s: int
    opened_s: int
    window_s: int
    """The window it is measured over: the one that opened it."""
    calm_per_s: float
    """Below this rate it is over, if it stays there."""
    baseline_per_s: float
    """The baseline when it opened; frozen, so that a storm does not teach itself as normal."""
    class_per_s: float
    """The rate that was reported last."""
    severity: str
    peak_per_s: float
    settled_s: int
    calm_since_s: int = 0
    """First second of the present calm; 0: it is not calm."""
    told_s: int = 0
    """The second of its last alert. After an outage earlier ones are heard of later: they are counted, and are no
    news."""


class JudgeState(msgspec.Struct, array_like=True):
    """What the judge keeps of a code."""

    baseline: Baseline = msgspec.field(default_factory=Baseline)
    storm: Storm | None = None
    last_end_s: int = 0
    """The last storm's end; nothing before it is judged again."""
    rule_since: dict[int, int] = {}
    """Index of a rule that is exceeded → since which second."""

    @property
    def phase(self) -> str:
        """quiet, pending (a rule is exceeded, but not yet for long enough) or storm."""
        return "storm" if self.storm else "pending" if self.rule_since else "quiet"


class Verdict(msgspec.Struct, frozen=True):
    """A transition with its reason and the figures behind it."""

    transition: Transition
    reason: Reason
    at_s: int
    started_s: int
    window_s: int
    observed_per_s: float
    baseline_per_s: float
    score: float
    severity: Severity
    peak_per_s: float
    ended_s: int = 0
    """Of a resolved storm: the first second after it."""


class Judge(Protocol):
    """What the pipeline asks of a judge. A better one replaces `BaselineJudge` behind these two methods."""

    def look(
        self, policy: StormPolicy, state: JudgeState, window: WindowState, now_s: int, prior_per_s: float
    ) -> Verdict | None:
        """Judge second `now_s` on what is known of it so far: opened, escalated or nothing new."""
        ...

    def settle(
        self, policy: StormPolicy, state: JudgeState, window: WindowState, low_s: int
    ) -> Verdict | None:
        """Take in that nothing more is to come before `low_s`: resolved or nothing new."""
        ...
