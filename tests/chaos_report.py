"""What the chaos suite prints at its end: each fault, how often it was injected, and what came of it.

`--rounds N` injects each so many times; `make chaos` does.
"""

import json
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rounds", type=int, default=1, help="How often the chaos suite injects each fault.")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Also where several processes ran the tests: what they record comes with their reports."""
    lines: list[dict[str, Any]] = [
        value
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if name == "chaos" and report.when == "call"
    ]
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
