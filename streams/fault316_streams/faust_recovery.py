"""Faust's recovery of tables, mended where its end is cut short (faust-streaming 0.15.3).

Faust waits for a recovery's last step and, inside of that step, for one of Kafka's answers; a stop or another
rebalance ends both waits. The outer one acts on it. The inner one's exception is then nobody's, and asyncio writes it
to the log as an error with a traceback, of a worker that did as it was told.
"""

from faust.tables import TableManager as FaustTableManager
from faust.tables import recovery as faust_recovery


class Recovery(faust_recovery.Recovery):  # type: ignore[misc]  # Faust has no types
    """Leaves a stop, or another rebalance, to the wait that acts on it."""

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        try:
            await super().on_recovery_completed(generation_id)
        except (faust_recovery.ServiceStopped, faust_recovery.RebalanceAgain):
            self.log.dev("recovery's last step was cut short")


class TableManager(FaustTableManager):  # type: ignore[misc]
    """Makes such recoveries."""

    _recovery: Recovery | None = None

    @property
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
