"""The state of one code: one value in one table entry, with the positions it includes."""

from typing import Any, Final

import msgspec

from fault316_streams.alert.lifecycle import AlertState
from fault316_streams.detect import JudgeState
from fault316_streams.versioned import Format
from fault316_streams.window import Counts, Open, WindowState

STATE_VERSION: Final = 2
"""Of table entries. When to raise it: docs/upgrading.md. Version 1 had each pane with its place."""


class CodeState(msgspec.Struct, array_like=True):
    """All that detect knows of one code."""

    version: int
    code: str
    offset: int = -1
    """The partials offset up to which this state has heard everything; the version of the Redis view."""
    window: WindowState = msgspec.field(default_factory=WindowState)
    judge: JudgeState = msgspec.field(default_factory=JudgeState)
    alerts: AlertState = msgspec.field(default_factory=AlertState)
    heard_s: int = 0
    """When something was last counted, by the timeline; an event's own time may be weeks back. 0: not known."""
    overflow: dict[int, dict[str, Open]] = {}
    """Only in the state that counts the codes beyond the limit: by source partition and code."""


class _Head(msgspec.Struct, array_like=True):
    """How every entry begins, in all versions."""

    version: int


def _pack(counts: Any) -> Any:
    assert isinstance(counts, Counts)
    return counts.packed()


def _unpack(_type: type, packed: Any) -> Counts:
    return Counts.unpacked(packed)


_encoder = msgspec.msgpack.Encoder(enc_hook=_pack)
_decoder = msgspec.msgpack.Decoder(CodeState, dec_hook=_unpack)
_format = Format[CodeState]("table entry", _Head, {1: _decoder.decode, STATE_VERSION: _decoder.decode})


def encode_state(state: CodeState) -> bytes:
    """The table entry's value."""
    return _encoder.encode(state)


def decode_state(data: bytes) -> CodeState:
    """Read a table entry's value.

    Raises:
        FormatError: it is damaged.
        VersionError: it is of a version that this worker does not read.
    """
    return _format.read(data)
