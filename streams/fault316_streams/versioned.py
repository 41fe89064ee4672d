"""What is written by one release and read by another: an older version is read, an unknown one is refused.

The version is looked at before anything else. Another version's layout may fit this one's types by chance, and
where it does not, "expected int, got str" tells nobody that it is the worker which is too old.

A new field at the end of a struct, with a default, is no new version: msgspec reads both ways. What is one, and
what else a release has to see to, is in docs/upgrading.md.
"""

from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

import msgspec


class FormatError(ValueError):
    """It is damaged, or something else."""


class VersionError(FormatError):
    """It is of a version that this worker does not read. To pass over it would miscount."""


class Versioned(Protocol):
    """A message or an entry, or the beginning of one."""

    version: int


V = TypeVar("V", bound=Versioned)


class Format(Generic[V]):
    """One format, in all the versions that are read."""

    def __init__(self, name: str, head: type[Versioned], readers: Mapping[int, Callable[[bytes], V]]) -> None:
        """
        Args:
            name: what an error calls it.
            head: an `array_like` struct of the first elements, up to the version; these never change.
            readers: by version. The last one reads what this release writes, the others also bring it to that form.
        """
        self._name = name
        self._head = msgspec.msgpack.Decoder(head)
        self._readers = readers
        self._present = max(readers)

    def read(self, data: bytes) -> V:
        """What was written, in the present form.

        Raises:
            FormatError: it is damaged, or something else.
            VersionError: it is of a version that is not read; one line that says what to do.
        """
        try:
            version = self._head.decode(data).version
            reader = self._readers.get(version)
            value = reader(data) if reader else None
        except ValueError as error:  # msgspec's own, and UnicodeDecodeError
            raise FormatError(f"not a {self._name}: {error}") from error
        if value is None:
            raise self._unknown(version)
        value.version = self._present  # or it would be written again under the number of its old form
        return value

    def _unknown(self, version: int) -> VersionError:
        known = ", ".join(map(str, sorted(self._readers)))
        return VersionError(
            f"{self._name} of version {version}, this worker reads {known}: "
            f"run a release that reads {version}, see docs/upgrading.md"
        )
