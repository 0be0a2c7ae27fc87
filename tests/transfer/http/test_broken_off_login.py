"""A login that is broken off in the middle, and the next one."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace

from dlcore.transfer.http.security_contexts import AccountPassword, Scheme, SecurityContext
from tests.transfer.windows_auth import ToyAcceptor, ToyContexts, WindowsGuard
from tests.transfer.windows_site import LENGTH, PASSWORD, site


class OneAtATime(ToyAcceptor):
    """Takes a first token for a wrong second one, if a handshake is under way."""

    def __init__(self) -> None:
        super().__init__({"anna": PASSWORD}, None)
        self._has_begun = False

    def accept(self, token: bytes) -> tuple[bytes | None, str]:
        if self._has_begun and token == b"hello":
            raise ValueError
        self._has_begun = True
        return super().accept(token)


class SlowOnce(ToyContexts):
    """The first second token takes until `goes_on`."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked = threading.Event()
        self.goes_on = threading.Event()

    def make(
        self, scheme: Scheme, host: str, account: AccountPassword | None, binding: bytes | None
    ) -> SecurityContext:
        context = super().make(scheme, host, account, binding)
        if self.is_asked.is_set():
            return context
        step = context.step

        def slow(token: bytes | None) -> bytes | None:
            if token is not None:
                self.is_asked.set()
                self.goes_on.wait(10)
            return step(token)

        return SimpleNamespace(step=slow)


async def test_a_handshake_that_was_broken_off_is_not_gone_on_with(tmp_path: Path) -> None:
    """Fault: a request is given up in the middle of its login. dlcore closes that connection,
    because the server could take the next login there for the rest of this one, and refuse it.
    """
    async with site(WindowsGuard(OneAtATime), tmp_path) as here:
        contexts = here.contexts = SlowOnce()
        keyring = here.keyring()
        given_up = asyncio.create_task(here.read(keyring=keyring))
        await asyncio.to_thread(contexts.is_asked.wait, 10)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        contexts.goes_on.set()
        assert await here.read(keyring=keyring) == b"b" * LENGTH
