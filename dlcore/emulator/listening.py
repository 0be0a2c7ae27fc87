"""Listens on a port, and says plainly why it cannot.

What asyncio says names the address twice, in the words of the system's programmers.
"""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Final

from aiohttp import web

from dlcore.errors import ConfigError

_OTHER_PORT: Final = "Choose another port, or 0 for any free port."
_OWN_ADDRESS: Final = "Name an address of this machine, such as 127.0.0.1."
_REASONS: Final = {
    errno.EADDRINUSE: ("another program listens there", _OTHER_PORT),
    errno.EACCES: ("the system does not let this user listen there", _OTHER_PORT),
    errno.EADDRNOTAVAIL: ("this machine has no such address", _OWN_ADDRESS),
    None: ("this machine has no such address", _OWN_ADDRESS),  # asyncio, from Python 3.13 on
}


async def listen(
    runner: web.AppRunner, host: str, port: int, context: ssl.SSLContext | None
) -> None:
    """Serve what a runner has at an address, until it is cleaned up.

    Raises:
        ConfigError: The system refuses that; the caller's fault.
    """
    try:
        await web.TCPSite(runner, host, port, ssl_context=context).start()
    except (OSError, UnicodeError) as error:
        reason, remedy = _explain(error)
        raise ConfigError(
            f"cannot listen on {host} port {port}: {reason}", remedy=remedy
        ) from error


def _explain(error: OSError | UnicodeError) -> tuple[str, str]:
    """Why, and what can be done about it."""
    if isinstance(error, socket.gaierror | UnicodeError):
        return "no address is known for this name", _OWN_ADDRESS
    if known := _REASONS.get(error.errno):
        return known
    cause = error.__context__ if isinstance(error.__context__, OSError) else error
    return cause.strerror or type(cause).__name__, _OTHER_PORT
