"""The state of one code: one value in one table entry, with the positions it includes."""

from typing import Final

import msgspec

from fault316_streams.alert.lifecycle import AlertState
from fault316_streams.detect import JudgeState
from fault316_streams.window import Open, WindowState

STATE_VERSION: Final = 1


class StateError(ValueError):
    """A table entry that this worker cannot read."""


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


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(CodeState)


def encode_state(state: CodeState) -> bytes:
    """The table entry's value."""
    return _encoder.encode(state)


def decode_state(data: bytes) -> CodeState:
    """Read a table entry's value. Raises StateError: damaged, or of a newer version than this worker's."""
    try:
        state: CodeState = _decoder.decode(data)
    except (msgspec.DecodeError, ValueError) as error:
        raise StateError(f"table entry cannot be read: {error}") from error
    if state.version > STATE_VERSION:
        raise StateError(
            f"table entry of version {state.version}, this worker reads up to {STATE_VERSION}: upgrade it"
        )
    return state
