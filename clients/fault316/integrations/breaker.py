"""`CircuitMonitor`: purgatory's circuit breakers, with a word when one opens."""

import sys
from typing import Final

from purgatory import AsyncCircuitBreakerFactory, ContextChanged, Event, SyncCircuitBreakerFactory

from fault316.integrations._reports import Reports, or_process
from fault316.integrations._startable import Startable

CIRCUIT_OPEN: Final = "316-CIRCUIT-OPEN"


class CircuitMonitor(Startable):
    """Reports each circuit of a factory that opens: its name, and the exception that was one too many.

        breakers = AsyncCircuitBreakerFactory(default_threshold=5, default_ttl=30, exclude=[asyncio.CancelledError])
        CircuitMonitor(breakers).start()

        @breakers("payments")
        async def pay(order): ...

    Once per opening: calls that the open circuit turns away, and trials that fail and so keep it open, are not told
    again. purgatory takes a cancelled call for a failed one unless it is excluded, as above.

    Args:
        breakers: purgatory's factory, for coroutines or for functions.
        code: what an opening is reported as.
        reporter: by default what `fault316.init` has made.
    """

    def __init__(
        self,
        breakers: AsyncCircuitBreakerFactory | SyncCircuitBreakerFactory,
        *,
        code: str = CIRCUIT_OPEN,
        reporter: Reports | None = None,
    ) -> None:
        self._breakers = breakers
        self._code = code
        self._reporter = or_process(reporter)
        self._trials: set[str] = set()
        """Circuits that let a call through to see whether it works again."""
        self._started = False

    def start(self) -> None:
        """See `Startable`."""
        if not self._started:
            self._started = True
            self._breakers.add_listener(self._on_event)

    def stop(self) -> None:
        """See `Startable`."""
        if self._started:
            self._started = False
            self._breakers.remove_listener(self._on_event)

    def _on_event(self, circuit: str, _kind: str, event: Event) -> None:
        if not isinstance(event, ContextChanged):
            return
        if event.state == "half-opened":
            self._trials.add(circuit)
            return
        on_trial = circuit in self._trials
        self._trials.discard(circuit)
        if event.state == "opened" and not on_trial:
            self._reporter.report(
                self._code,
                message=f"circuit {circuit} is open",
                # purgatory tells while it leaves the call that failed.
                exception=sys.exception(),
                attributes={"circuit": circuit},
            )
