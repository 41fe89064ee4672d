"""`import fault316` is light, and each name brings only what it needs."""

import subprocess
import sys

import pytest

HEAVY = {"faust", "msgspec", "typer", "rich", "scipy", "aiokafka", "redis", "pydantic"}
STREAMS_ONLY = {"faust", "msgspec", "typer", "rich", "scipy", "fault316_streams"}


def loaded_by(statement: str) -> set[str]:
    """Top-level modules in a fresh interpreter after `statement`."""
    code = f"{statement}\nimport sys\nprint(' '.join({{m.split('.')[0] for m in sys.modules}}))"
    return set(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
    )


def test_importing_the_package_loads_nothing_else() -> None:
    assert not loaded_by("import fault316") & HEAVY


@pytest.mark.parametrize(
    ("names", "not_needed"),
    [
        ("Reporter, AlertFeed", STREAMS_ONLY | {"redis"}),
        ("BackgroundReporter, init, report, guard, context", STREAMS_ONLY | {"redis"}),
        ("report, guard, context, flush", HEAVY),
        ("Counters, AsyncCounters", STREAMS_ONLY | {"aiokafka"}),
        ("FaultEvent, StormAlert, Severity, Connection", STREAMS_ONLY | {"aiokafka", "redis"}),
    ],
)
def test_a_name_loads_only_what_it_needs(names: str, not_needed: set[str]) -> None:
    assert not loaded_by(f"from fault316 import {names}") & not_needed


def test_every_public_name_is_there() -> None:
    import fault316

    assert all(getattr(fault316, name) is not None for name in fault316.__all__)
    assert set(fault316.__all__) <= set(dir(fault316))
    with pytest.raises(AttributeError, match="Reportr"):
        fault316.Reportr  # noqa: B018 - the access is the test
