"""The bytes that this version writes, and those that earlier layouts wrote, as files: what was written stays readable.

A file is never changed. Where `test_this_version_writes_these_bytes` fails, the layout has changed: docs/upgrading.md
says what that means. Run as a program, this writes the files of the present layout into a folder.
"""

import sys
from pathlib import Path
from typing import Final

import pytest
from datasketches import hll_sketch, tgt_hll_type

from fault316_schemas import StormAlert, Transition
from fault316_streams.alert.lifecycle import AlertState
from fault316_streams.detect import JudgeState
from fault316_streams.detect.baseline import Baseline
from fault316_streams.detect.judge import Storm
from fault316_streams.partial import (
    FORMAT_VERSION,
    USERS_LG_K,
    Bundle,
    Contribution,
    Partial,
    Progress,
    Sample,
    Spoken,
    Tick,
    decode,
    encode,
)  # fmt: skip
from fault316_streams.state import STATE_VERSION, CodeState, decode_state, encode_state
from fault316_streams.versioned import FormatError, VersionError
from fault316_streams.window import Open, Panes, Recent, WindowState
from fault316_streams.window.recent import Generation

FILES: Final = Path(__file__).parent
T: Final = 1_790_000_000
ALERT: Final = (
    b'{"alert_id":"316-DB-DEADLOCK@20260921T133320Z/1-opened","storm_id":"316-DB-DEADLOCK@20260921T133320Z",'
    b'"transition":"opened","reason":"above_baseline","code":"316-DB-DEADLOCK","title":"Database deadlock",'
    b'"severity":"P1","layer":"data","started_at":"2026-09-21T13:33:20Z","at":"2026-09-21T13:33:24Z",'
    b'"window_s":10,"observed_per_s":42.0,"baseline_per_s":0.5,"factor":84.0,"score":300.0,"events":210,'
    b'"peak_per_s":42.0,"users":3,"facets":{"services":[{"value":"shop","events":210,"share":1.0}],"hosts":[],'
    b'"endpoints":[],"exception_types":[]},"exemplars":[{"id":"e1"}],"runbook":"Look.","summary":"It storms."}'
)


def users(*names: str) -> bytes:
    """A sketch, as intake makes it."""
    sketch = hll_sketch(USERS_LG_K, tgt_hll_type.HLL_4)
    for name in names:
        sketch.update(name)
    return bytes(sketch.serialize_compact())


def contribution() -> Contribution:
    """No field has its default."""
    return Contribution(
        seconds={T: 3, T + 1: 2},
        severity=[1, 2, 3, 1],
        late=2,
        skewed=1,
        old=2,
        first_ms=T * 1_000 + 5,
        last_ms=T * 1_000 + 1_900,
        services={"shop": 7},
        hosts={"web-1": 4, "web-2": 3},
        endpoints={"/pay": 7},
        exception_types={"DeadlockError": 7},
        users={T // 60: users("ann", "bob", "eve")},
        samples=[Sample("e1", "r1", "t1", "deadlock"), Sample("e2")],
    )


def panes() -> Panes:
    """Some seconds, and a minute before them."""
    counted = Panes(cut_s=T - 900)
    for second, events in ((T - 1_200, 9), (T, 3), (T + 1, 70_000)):
        counted.add(second, events)
    return counted


def state() -> CodeState:
    """Of a code that is quiet, with a fixed rule that is exceeded, and a storm behind it."""
    generation = Generation([1, 2, 3, 4], {"shop": 7}, {"web-1": 4}, {"/pay": 7}, {"E": 7}, [Sample("e1")])
    return CodeState(
        STATE_VERSION,
        "316-DB-DEADLOCK",
        offset=77,
        window=WindowState(
            open={3: Open(4_096, 4_200, contribution())},
            panes=panes(),
            recent=Recent(generation, Generation(severity=[4, 3, 2, 1]), T - 30, {T // 60: users("ann")}),
            severity=[1, 2, 3, 4],
            late=2,
            skewed=1,
            old=2,
            first_ms=T * 1_000,
            last_ms=T * 1_000 + 1_900,
        ),
        judge=JudgeState(Baseline(T - 10, 600.5, 300.25, 9_000.125), None, T - 500, {0: T - 20}),
        alerts=AlertState("", T - 900, 3, 11, [], ALERT, ["316-DB-DEADLOCK@20260921T131820Z"]),
        heard_s=T + 2,
    )


def storm() -> CodeState:
    """The same with a storm on, and its alert still to be sent."""
    stormy = state()
    stormy.judge = JudgeState(
        Baseline(T - 10, 600.5, 300.25, 9_000.125),
        Storm(T, T + 4, 10, 1.5, 0.5, 42.0, "P1", 43.5, T + 5, T + 6),
    )
    stormy.alerts = AlertState("316-DB-DEADLOCK@20260921T133320Z", T, 1, 11, [ALERT], ALERT)
    return stormy


def overflow() -> CodeState:
    """The state that counts the codes beyond the limit."""
    return CodeState(
        STATE_VERSION,
        "316-OTHER-P3",
        offset=78,
        heard_s=T,
        overflow={
            3: {"316-C1": Open(4_096, 4_200, contribution()), "316-C2": Open(8_192, 8_193, Contribution())}
        },
    )


MESSAGES: Final[dict[str, Spoken]] = {
    "partial": Partial(
        FORMAT_VERSION, 3, 4_096, 4_200, T * 1_000, T * 1_000 + 90, True, {"316-A": contribution()}
    ),
    "bundle": Bundle(
        FORMAT_VERSION,
        [
            Partial(
                FORMAT_VERSION, 3, at, at + 1, T * 1_000, T * 1_000 + 90, False, {"316-A": contribution()}
            )
            for at in (17, 19)
        ],
    ),
    "tick": Tick(FORMAT_VERSION, T * 1_000 + 90, 4, {3: Progress(4_200, T * 1_000, False)}),
}
STATES: Final = {"state": state(), "storm": storm(), "overflow": overflow()}
VALUES: Final[dict[str, object]] = {**MESSAGES, **STATES}


def present() -> dict[str, bytes]:
    """File → what this version writes."""
    written = {name: encode(message) for name, message in MESSAGES.items()}
    return written | {name: encode_state(value) for name, value in STATES.items()}


def files(folder: str, name: str) -> list[bytes]:
    """What is in the files of a kind, one of each layout."""
    return [file.read_bytes() for file in sorted((FILES / folder).glob(f"{name}-*.msgpack"))]


def read(name: str, data: bytes) -> object:
    """A message or an entry."""
    return decode(data) if name in MESSAGES else decode_state(data)


@pytest.mark.parametrize("name", present())
def test_this_version_writes_these_bytes(name: str) -> None:
    """Others read them while a fleet is restarted, so they do not change unnoticed."""
    assert present()[name] in files("written", name), "see docs/upgrading.md"


@pytest.mark.parametrize("name", present())
def test_all_that_was_ever_written_is_read(name: str) -> None:
    """Of whatever version it is."""
    for data in files("written", name):
        assert read(name, data) == VALUES[name]


def test_what_is_kept_in_another_format_inside_is_read_too() -> None:
    """Users are a sketch of the datasketches library, alerts are JSON."""
    kept = decode_state(files("written", "storm")[-1])
    assert kept.window.recent.users(0) == 1
    message = decode(files("written", "partial")[-1])
    assert isinstance(message, Partial)
    said = message.codes["316-A"].users[T // 60]
    assert round(hll_sketch.deserialize(said).get_estimate()) == 3
    assert StormAlert.from_json(kept.alerts.pending[0]).transition is Transition.OPENED


def test_fields_that_an_older_release_did_not_have_get_their_defaults() -> None:
    """Trailing fields are missing from the message, from the entry, and from what is inside of them."""
    older = decode_state(files("older", "state")[0])
    assert (older.code, older.offset, older.heard_s, older.overflow) == ("316-DB-DEADLOCK", 77, 0, {})
    assert older.window == state().window
    message = decode(files("older", "partial")[0])
    assert isinstance(message, Partial)
    assert (message.codes["316-A"].users, message.codes["316-A"].samples) == ({}, [])
    assert message.codes["316-A"].seconds == {T: 3, T + 1: 2}


@pytest.mark.parametrize("name", present())
def test_fields_that_a_newer_release_has_at_the_end_are_passed_over(name: str) -> None:
    """An additional element at the end of every array that is a struct."""
    (data,) = files("newer", name)
    assert read(name, data) == VALUES[name]


@pytest.mark.parametrize("name", ["partial", "state", "overflow"])
def test_layouts_from_before_the_first_release_are_refused_not_misread(name: str) -> None:
    """They had number 1, too, while it was being made; nobody has any. Users were one sketch, `heard_s` was missing."""
    (data,) = files("unreleased", name)
    with pytest.raises(FormatError, match=r"^not a (partial|table entry): Expected ") as refused:
        read(name, data)
    assert not isinstance(refused.value, VersionError)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    for name, data in present().items():
        version = FORMAT_VERSION if name in MESSAGES else STATE_VERSION
        (folder / f"{name}-{version}.msgpack").write_bytes(data)
