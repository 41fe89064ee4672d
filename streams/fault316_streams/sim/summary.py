"""What many scenarios came to: one line for people, the same facts for programs."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from fault316_streams.sim.run import Report

COUNTED: Final = ("events", "rebalances", "storms", "alerts", "lost", "doubled", "missed", "invented")


class Summary:
    """Adds up reports."""

    def __init__(self) -> None:
        self.scenarios = 0
        self.injected: Counter[str] = Counter()
        self._counted: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))

    def add(self, report: Report) -> None:
        """One scenario more."""
        self.scenarios += 1
        self.injected.update(report.injected)
        self._counted.update({"events": report.events, "rebalances": report.rebalances})
        self._counted.update(report.figures._asdict())

    def merge(self, facts: Mapping[str, int | dict[str, int]]) -> None:
        """Another summary's facts, too."""
        for name, value in facts.items():
            if isinstance(value, dict):
                self.injected.update(value)
            elif name == "scenarios":
                self.scenarios += value
            elif name in COUNTED:
                self._counted[name] += value

    def facts(self) -> dict[str, int | dict[str, int]]:
        """All figures by name; `injected` by kind of fault."""
        figures = {name: self._counted[name] for name in COUNTED}
        return {
            "scenarios": self.scenarios,
            **figures,
            "faults": self.injected.total(),
            "injected": dict(self.injected),
        }

    def __str__(self) -> str:
        figures = ", ".join(f"{self._counted[name]:,} {name}" for name in COUNTED[:4])
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in self.injected.most_common())
        verdict = ", ".join(f"{self._counted[name]:,} {name}" for name in COUNTED[4:])
        return (
            f"{self.scenarios:,} scenarios, {figures}; {self.injected.total():,} faults ({kinds or 'none'}); "
            f"{verdict}"
        )
