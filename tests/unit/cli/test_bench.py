"""`fault316 bench` says what is missing before it starts servers."""

from importlib.util import find_spec

import pytest

from fault316_streams.cli import bench
from fault316_streams.errors import Misuse


@pytest.mark.parametrize("missing", bench.EXTRA)
def test_a_package_that_is_not_there_is_one_line_that_says_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "find_spec", lambda name: None if name == missing else find_spec(name))
    with pytest.raises(Misuse, match=rf"{missing} is not installed: pip install 'fault316\[streams,bench\]'"):
        bench.client(calls=100)
