"""Which alerts a feed hands out."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

from fault316_schemas import Severity, StormAlert, Transition


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """What it does not name, it lets pass."""

    severities: frozenset[Severity]
    codes: tuple[str, ...]
    """Patterns with `*`, `?` and `[…]`."""
    transitions: frozenset[Transition]

    @classmethod
    def of(
        cls,
        min_severity: Severity | str | None,
        code: str | Iterable[str] | None,
        transitions: Iterable[Transition | str] | None,
    ) -> Self:
        """From a feed's arguments. Raises ValueError, which names what there is no such thing of."""
        worst = list(Severity)  # P0 first
        least = worst[-1] if min_severity is None else Severity(min_severity)
        patterns = ("*",) if code is None else (code,) if isinstance(code, str) else tuple(code)
        if isinstance(transitions, str):
            transitions = (transitions,)  # or its letters would be taken for transitions
        return cls(
            severities=frozenset(worst[: worst.index(least) + 1]),
            codes=patterns,
            transitions=frozenset(Transition if transitions is None else map(Transition, transitions)),
        )

    def passes(self, alert: StormAlert) -> bool:
        """Whether the feed hands it out."""
        return (
            alert.severity in self.severities
            and alert.transition in self.transitions
            and any(fnmatchcase(alert.code, pattern) for pattern in self.codes)
        )
