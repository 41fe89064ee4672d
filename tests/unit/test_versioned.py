"""A format in two versions, made up for the test: what is older is brought up, what is unknown is refused."""

import msgspec
import pytest

from fault316_streams.partial import FORMAT_VERSION, decode
from fault316_streams.state import STATE_VERSION, decode_state
from fault316_streams.versioned import Format, FormatError, VersionError


class Head(msgspec.Struct, array_like=True):
    version: int


class Minutes(msgspec.Struct, array_like=True):
    """Version 1."""

    version: int
    minutes: int


class Seconds(msgspec.Struct, array_like=True):
    """Version 2: another unit."""

    version: int
    seconds: int


def from_minutes(data: bytes) -> Seconds:
    """The upgrade function that a new version needs."""
    old = msgspec.msgpack.decode(data, type=Minutes)
    return Seconds(old.version, old.minutes * 60)


FORMAT = Format[Seconds]("duration", Head, {1: from_minutes, 2: msgspec.msgpack.Decoder(Seconds).decode})


def test_an_older_version_is_brought_to_the_present_form_and_number() -> None:
    """Or it would be written again as what it no longer is."""
    assert FORMAT.read(msgspec.msgpack.encode([1, 3])) == Seconds(2, 180)
    assert FORMAT.read(msgspec.msgpack.encode([2, 180])) == Seconds(2, 180)


@pytest.mark.parametrize("version", [0, 3])
def test_an_unknown_version_is_refused_in_one_line_that_says_what_to_do(version: int) -> None:
    """However its rest looks: the version is looked at first."""
    for rest in ([7], ["another layout"], []):
        with pytest.raises(VersionError) as refused:
            FORMAT.read(msgspec.msgpack.encode([version, *rest]))
        assert str(refused.value) == (
            f"duration of version {version}, this worker reads 1, 2: "
            f"run a release that reads {version}, see docs/upgrading.md"
        )


def test_a_newer_partial_tick_or_table_entry_is_refused_whatever_it_looks_like() -> None:
    """A kind of message that this worker has never heard of, too."""
    later = FORMAT_VERSION + 1
    for kind in (0, 1, 2):
        with pytest.raises(
            VersionError, match=f"partial of version {later}, .* run a release that reads {later}"
        ):
            decode(msgspec.msgpack.encode([kind, later, {"another": "layout"}]))
    later = STATE_VERSION + 1
    with pytest.raises(VersionError, match=f"entry of version {later}, .* run a release that reads {later}"):
        decode_state(msgspec.msgpack.encode([later, {"another": "layout"}]))


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\xc0", b"\x90", b"\x91\x01", b"\x92\x01\xa1\xff", b"{}"])
def test_what_is_damaged_or_something_else_is_not_called_another_version(data: bytes) -> None:
    for read in (FORMAT.read, decode, decode_state):
        with pytest.raises(FormatError, match=r"^not a ") as refused:
            read(data)
        assert not isinstance(refused.value, VersionError)
