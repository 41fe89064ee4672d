"""An event loop for a daemon thread: it outlives the interpreter's executors, and a fork leaves it behind."""

import asyncio
import os
import selectors
import socket
from typing import Any, Final

THREAD_NAME: Final = "fault316-reporter"
"""Of each such thread; what it logs itself is not for `fault316.integrations.logs` to report by it."""


class SenderLoop(asyncio.SelectorEventLoop):
    """Names are resolved in the loop's own thread, where waiting hurts nobody: executors take no more work when the
    interpreter ends, which is when the last faults are sent."""

    def __init__(self) -> None:
        self._watched = selectors.DefaultSelector()
        super().__init__(self._watched)

    async def getaddrinfo(self, host: Any, port: Any, **how: Any) -> Any:
        """As the base class does, without its executor."""
        return socket.getaddrinfo(host, port, **how)

    def leave_to_parent(self) -> None:
        """In a forked child: let go of the sockets without a word to whoever is at their other end.

        The child holds copies of the parent's descriptors, of its epoll too: were one closed here in the ordinary
        way, the parent would no longer hear from its broker.
        """
        nowhere = os.open(os.devnull, os.O_RDWR)
        for key in list((self._watched.get_map() or {}).values()):
            os.dup2(nowhere, key.fd)
        os.close(nowhere)
        self._watched.close()
        self._selector = selectors.DefaultSelector()
        self.set_exception_handler(
            lambda _loop, _context: None
        )  # "never closed": in the parent they are in use
