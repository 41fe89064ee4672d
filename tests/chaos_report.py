"""What the chaos suite and the simulation print at their end: faults, how often injected, and what came of them.

`--rounds N` injects each so many times; `make chaos` does.
"""

import json
from typing import Any

import pytest

from fault316_streams.sim import Summary


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rounds", type=int, default=1, help="How often the chaos suite injects each fault.")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Also where several processes ran the tests: what they record comes with their reports."""
    _simulation(terminalreporter)
    lines = _recorded(terminalreporter, "chaos")
    if not lines:
        return
    columns = ("injected", "recovered s", "events", "storms", "lost", "doubled", "missed", "invented")
    width = max(len(line["fault"]) for line in lines)
    terminalreporter.section("chaos")
    terminalreporter.line("  ".join([f"{'fault':{width}}", *columns]))
    for line in sorted(lines, key=lambda line: str(line["fault"])):
        times = line["recover_s"]
        line["recovered s"] = f"{min(times):g}-{max(times):g}" if times else "-"
        cells = (f"{line[name]:>{len(name)}}" for name in columns)
        terminalreporter.line("  ".join([f"{line['fault']:{width}}", *cells]))
    totals = {name: sum(line[name] for line in lines) for name in columns if name != "recovered s"}
    terminalreporter.line(json.dumps(totals))


def _recorded(terminalreporter: pytest.TerminalReporter, wanted: str) -> list[dict[str, Any]]:
    return [
        value
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if name == wanted and report.when == "call"
    ]


def _simulation(terminalreporter: pytest.TerminalReporter) -> None:
    summary = Summary()
    for facts in _recorded(terminalreporter, "simulation"):
        summary.merge(facts)
    if summary.scenarios:
        terminalreporter.section("simulation")
        terminalreporter.line(str(summary))
    for caught in _recorded(terminalreporter, "simulation_caught"):
        terminalreporter.line("{broken}: caught after {scenarios} scenarios".format(**caught))
