"""HTTP/1.1 as uvicorn speaks it, with two additions.

A head which does not arrive in time ends the connection. And a request knows since when it
waits to be looked at, and how many others do, else nobody would notice that too many come.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# In the scope of a request: the tasks of all that have begun and are not answered, and when this one began.
BEGUN = "crm_assets.begun"


def impatient(seconds: float) -> type[HttpToolsProtocol]:
    """Return the protocol that closes a connection whose request's head takes longer than some seconds."""

    class Impatient(HttpToolsProtocol):
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._wait()

        def on_headers_complete(self) -> None:
            self._arrived()
            self.scope[BEGUN] = (self.tasks, self.loop.time())  # ty: ignore[invalid-typed-dict-key]
            super().on_headers_complete()

        def connection_lost(self, exc: Exception | None) -> None:
            self._arrived()
            super().connection_lost(exc)

        def _wait(self) -> None:
            self._arrived()
            self._timer = self.loop.call_later(seconds, self._give_up)

        def _arrived(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _give_up(self) -> None:
            self._timer = None
            self.transport.close()

    return Impatient
