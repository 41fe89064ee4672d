"""What a part of the worker says about itself, for /readyz and the logs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Status:
    """Whether a component does its work now and, where it doesn't, what it waits for."""

    ready: bool
    detail: str
    """One line for a person: `ok`, or what is being waited for and why."""
    since_s: float | None = None
    """Epoch second since when it is so; known wherever something is waited for."""
    facts: Mapping[str, int | float | str] = field(default_factory=dict)
    """A few numbers worth a look: lag, assigned partitions."""

    def waited_s(self, now_s: float) -> float:
        """For how long it has waited, as of epoch second `now_s`; 0 while it is ready."""
        return 0.0 if self.ready or self.since_s is None else max(0.0, now_s - self.since_s)


class Component(Protocol):
    """A part of the worker that must be ready before the worker is."""

    @property
    def name(self) -> str:
        """Short and stable: `intake`, `detect`, `redis`, `alerts`."""
        ...

    def status(self) -> Status:
        """Its state now. Cheap, and never waits."""
        ...
