"""Fixtures for your own tests. pytest loads this wherever fault316 is installed, so it imports the rest when used."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fault316.testing import MemoryFeed, MemoryReporter


@pytest.fixture
def fault316_reporter(monkeypatch: pytest.MonkeyPatch) -> "MemoryReporter":
    """What the code under test reports by `fault316.report` and the like, also after its own `fault316.init`."""
    from fault316 import _process, background
    from fault316.testing import MemoryReporter

    reporter = MemoryReporter()
    monkeypatch.setattr(_process, "_reporter", reporter)
    monkeypatch.setattr(background, "BackgroundReporter", reporter.become)
    return reporter


@pytest.fixture
def fault316_feed() -> "MemoryFeed":
    """An alert feed that hands out what the test pushes."""
    from fault316.testing import MemoryFeed

    return MemoryFeed()
