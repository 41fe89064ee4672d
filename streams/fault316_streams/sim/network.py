"""Hosts that crash, pause and wake; requests that are under way while they do.

From outside, a crash is a network that falls silent: of what a host had already sent, some still arrives (that is
a zombie's late write), the rest never. A pause is the same with a return: answers and new requests wait.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Hashable
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from random import Random
from typing import Any, Final, TypeVar

from aiokafka.errors import KafkaConnectionError

T = TypeVar("T")

EPOCH_MS: Final = 1_790_000_000_000
"""The brokers' clock at virtual second 0."""
LATE_S_MAX: Final = 8.0
"""What a crashed host had sent arrives at most this late: a retransmission, not a message in a bottle."""

current: ContextVar["Host"] = ContextVar("host")
"""Whose code is running."""


class Server:
    """Kafka or Redis. While it is down, requests wait (Kafka's clients try again)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.down_until = 0.0

    def down_for(self, seconds: float) -> None:
        """Nothing moves, then everything."""
        self.down_until = max(self.down_until, asyncio.get_running_loop().time() + seconds)


@dataclass(slots=True)
class _Request:
    due: float
    apply: Callable[[], Any]
    answer: "asyncio.Future[Any]"
    fatal: bool = False


class Host:
    """A process on a machine of its own: a clock, a network, tasks."""

    def __init__(self, name: str, rng: Random, latency_s: float) -> None:
        self.name = name
        self.rng = rng
        self.alive = True
        self.paused_until = 0.0
        self.skew_ms = 0
        self.requests = 0
        """Asked so far; crashes are aimed at one of them."""
        self.doom: dict[int, str] = {}
        """Request → which of `AIMED` faults happens to it."""
        self.on_doom: Callable[[int], None] = lambda _request: None
        """Told the moment it happens; stopping the host is left to whom it tells."""
        self.on_crash: Callable[[Host], None] = lambda _host: None
        self.failure: BaseException | None = None
        self._latency_s = latency_s
        self._lanes: dict[Hashable, _Lane] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._inbox: list[Callable[[], None]] = []
        """What arrived during a pause, in order."""

    def wall_ms(self) -> int:
        """This host's clock."""
        return EPOCH_MS + round(asyncio.get_running_loop().time() * 1_000) + self.skew_ms

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run on this host. An exception is noted and ends the host, as it ends a worker."""
        context = copy_context()
        context.run(current.set, self)
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def latency_s(self) -> float:
        """Of one way."""
        return self.rng.random() * self._latency_s

    async def ask(self, server: Server, lane: Hashable, apply: Callable[[], T], fallible: bool = False) -> T:
        """Have `apply` done at the server; requests of one lane arrive in order."""
        return await self.send(server, lane, apply, fallible)  # type: ignore[no-any-return]

    def send(
        self, server: Server, lane: Hashable, apply: Callable[[], Any], fallible: bool = False
    ) -> "asyncio.Future[Any]":
        """The same without waiting. `fallible`: the client under test may be told of an error."""
        answer = asyncio.get_running_loop().create_future()
        if not self.alive:
            return answer
        self.requests += 1
        request, doom = self.requests, self.doom.get(self.requests, "")
        if doom and doom != "pause-after":
            self.on_doom(request)
        match doom:
            case "crash-before":
                self.crash()
                return answer
            case "error" if fallible:
                apply = _fails(apply, applied=self.rng.random() < 0.5)
            case "twice" if fallible:
                apply = _twice(apply)
        known = self._lanes.get((server.name, lane))
        if known is None:
            known = self._lanes[server.name, lane] = _Lane(self, server)
        known.put(_Request(0.0, apply, answer, doom == "crash-after"))
        if doom == "pause-after":
            self.on_doom(request)
        return answer

    def crash(self) -> None:
        """As by `kill -9`."""
        if not self.alive:
            return
        self.alive = False
        for lane in self._lanes.values():
            lane.orphan()
        for task in self._tasks:
            task.cancel()
        self.on_crash(self)

    def pause_for(self, seconds: float) -> None:
        """As by SIGSTOP and SIGCONT."""
        self.paused_until = max(self.paused_until, asyncio.get_running_loop().time() + seconds)

    def deliver(self, call: Callable[[], None]) -> None:
        """Something arrives here: now, or when the host wakes, or never."""
        if not self.alive:
            return
        loop = asyncio.get_running_loop()
        if loop.time() < self.paused_until:
            if not self._inbox:
                loop.call_at(self.paused_until, self._wake)
            self._inbox.append(call)
        else:
            call()

    def _wake(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() < self.paused_until:  # paused again
            loop.call_at(self.paused_until, self._wake)
            return
        inbox, self._inbox = self._inbox, []
        for call in inbox:
            self.deliver(call)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if self.alive and not task.cancelled() and (error := task.exception()):
            self.failure = error
            self.crash()


class _Lane:
    """Requests of one connection: they arrive one after the other."""

    def __init__(self, host: Host, server: Server) -> None:
        self._host = host
        self._server = server
        self._queue: deque[_Request] = deque()
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def put(self, request: _Request) -> None:
        now = asyncio.get_running_loop().time()
        request.due = self._last = max(self._last, now, self._host.paused_until) + self._host.latency_s()
        self._queue.append(request)
        self._arm()

    def orphan(self) -> None:
        """Its host has crashed: what is in the wires arrives, late; the rest does not."""
        rng = self._host.rng
        late_s = rng.random() * LATE_S_MAX
        kept = [request for request in self._queue if not request.fatal][: rng.randint(0, len(self._queue))]
        for request in kept:
            request.due += late_s
        self._queue = deque(kept)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._arm()

    def _arm(self) -> None:
        if self._timer is None and self._queue:
            at = max(self._queue[0].due, self._server.down_until)
            self._timer = asyncio.get_running_loop().call_at(at, self._arrive)

    def _arrive(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        while self._queue and self._queue[0].due <= now and self._server.down_until <= now:
            self._do(self._queue.popleft())
        self._arm()

    def _do(self, request: _Request) -> None:
        result, error = None, None
        try:
            result = request.apply()
        except Exception as caught:
            error = caught
        if request.fatal:
            self._host.crash()
            return

        def settle() -> None:
            if request.answer.done():
                return
            if error is None:
                request.answer.set_result(result)
            else:
                request.answer.set_exception(error)

        if self._host.alive:
            loop = asyncio.get_running_loop()
            loop.call_later(self._host.latency_s(), self._host.deliver, settle)


def _fails(apply: Callable[[], Any], applied: bool) -> Callable[[], Any]:
    """The client is told that it failed; it may have been done all the same."""

    def fail() -> Any:
        if applied:
            apply()
        raise KafkaConnectionError("simulated")

    return fail


def _twice(apply: Callable[[], Any]) -> Callable[[], Any]:
    """Done, but the answer was lost, and so the client tried again."""

    def again() -> Any:
        apply()
        return apply()

    return again
