"""A compression that cannot be done is an error when the reporter is made, not with the first fault."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import pytest

import fault316
from fault316 import BackgroundReporter, Connection, Reporter
from fault316._compression import COMPRESSION, Compression, checked

NOWHERE = Connection(_env_file=None, bootstrap_servers="127.0.0.1:1")


@pytest.fixture(params=["Reporter", "BackgroundReporter", "init"])
def make(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Each way to a reporter; none of them connects here."""
    makers: dict[str, Callable[..., Any]] = {
        "Reporter": Reporter,
        "BackgroundReporter": BackgroundReporter,
        "init": fault316.init,
    }
    return partial(makers[request.param], "shop", connection=NOWHERE)


def test_an_unknown_compression_names_those_there_are(make: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="gzip, lz4, snappy, zstd, or None"):
        make(compression="brotli")


@pytest.mark.parametrize("compression", ["lz4", "snappy", "zstd"])
def test_what_needs_cramjam_says_so_in_one_line(
    make: Callable[..., Any], compression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cramjam", None)
    with pytest.raises(ModuleNotFoundError, match="pip install cramjam") as caught:
        make(compression=compression)
    assert caught.value.name == "cramjam"
    assert "\n" not in str(caught.value)


def test_the_default_needs_nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cramjam", None)
    assert checked(COMPRESSION) == "gzip"
    assert checked(None) is None


def test_all_are_there_with_cramjam() -> None:
    pytest.importorskip("cramjam")
    assert [checked(each) for each in get_args(Compression)] == list(get_args(Compression))
