"""The faults that the shop can be given."""

from collections.abc import Iterable
from enum import StrEnum


class Fault(StrEnum):
    """What happens while it is switched on."""

    PROMOTION = "promotion"
    """Every order reads the promotion's rules by a slow query. Under load the database's pool runs out."""
    PAYMENT_HANGS = "payment-hangs"
    """The payment provider does not answer."""
    CACHE_AWAY = "cache-away"
    """The cache refuses connections. Products come from the database, so nobody notices, but for the reports."""
    PRICE_BUG = "price-bug"
    """A release that forgot a product's price: an exception that nobody expected."""
    LOOP_HANGS = "loop-hangs"
    """The next view of a product blocks the whole process for some seconds, once."""


class Switches:
    """Which faults are on."""

    def __init__(self, on: Iterable[str] = ()) -> None:
        """Raises ValueError where there is no such fault."""
        self._on = {Fault(name) for name in on}

    def __contains__(self, fault: Fault) -> bool:
        return fault in self._on

    def on(self) -> list[Fault]:
        """Those that are on, by name."""
        return sorted(self._on)

    def set(self, fault: Fault, on: bool) -> None:
        """Turn one on or off."""
        if on:
            self._on.add(fault)
        else:
            self._on.discard(fault)

    def take(self, fault: Fault) -> bool:
        """Whether it is on; it is off afterwards."""
        was_on = fault in self._on
        self._on.discard(fault)
        return was_on
