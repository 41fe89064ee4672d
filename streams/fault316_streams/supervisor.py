"""Several workers on one machine: started, watched, and started again when they end.

A worker that cannot go on exits, and says why; that is how a stuck consumer or a lost changelog is mended. So
something has to start it again: an orchestrator's restart policy, or this.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from fault316_streams.errors import Failure

MISUSE: Final = 2
"""The exit code of a worker whose settings are wrong: starting it again would change nothing."""
STOP_LIMIT_S: Final = 12.0
"""A worker's own limit is 8 s."""

log = structlog.get_logger("fault316.supervisor")


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How long to wait before a worker is started again."""

    first_s: float = 0.5
    longest_s: float = 30.0
    healthy_s: float = 60.0
    """A worker that ran this long has no history."""


class RestartState:
    """What is known of one worker's ends."""

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self._ends = 0

    def ended(self, ran_s: float) -> float:
        """The worker ended after `ran_s`; returns the seconds to wait."""
        self._ends = 1 if ran_s >= self._policy.healthy_s else self._ends + 1
        return min(self._policy.longest_s, self._policy.first_s * 2.0 ** min(self._ends - 1, 16))


class Supervisor:
    """Runs the same command so many times."""

    def __init__(self, commands: Sequence[Sequence[str]], policy: RestartPolicy | None = None) -> None:
        """`commands`: one for each worker, without the interpreter."""
        self._commands = commands
        self._policy = policy or RestartPolicy()
        self.restarts = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Keep all running until `stop`, then end them.

        Raises:
            Failure: a worker says that its settings are wrong (it has said which), or does not stop.
        """
        ended = asyncio.create_task(stop.wait())
        try:
            async with asyncio.TaskGroup() as group:
                for number, command in enumerate(self._commands):
                    group.create_task(self._keep(number, command, ended))
        except* Failure as failures:
            raise failures.exceptions[0] from None
        finally:
            ended.cancel()

    async def _keep(self, number: int, command: Sequence[str], ended: asyncio.Task[bool]) -> None:
        loop, state = asyncio.get_running_loop(), RestartState(self._policy)
        while not ended.done():
            began = loop.time()
            process = await asyncio.create_subprocess_exec(sys.executable, *command)
            try:
                code = await self._watch(process, ended)
            except asyncio.CancelledError:
                await self._stop(process)
                raise
            if code is None:
                return
            if code == MISUSE:
                raise Failure(f"worker {number} cannot start; see its line above")
            pause_s = state.ended(loop.time() - began)
            self.restarts += 1
            log.warning("worker ended", worker=number, exit_code=code, starts_again_in_s=pause_s)
            await asyncio.wait([ended], timeout=pause_s)

    async def _watch(self, process: asyncio.subprocess.Process, ended: asyncio.Task[bool]) -> int | None:
        """Its exit code; None where it ended because it was told to."""
        waiting = asyncio.create_task(process.wait())
        await asyncio.wait([waiting, ended], return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            await self._stop(process)
            await waiting
            return None
        return waiting.result()

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                await process.wait()
        except TimeoutError:
            log.error("worker did not stop; killing it", pid=process.pid)
            process.kill()
            await process.wait()
