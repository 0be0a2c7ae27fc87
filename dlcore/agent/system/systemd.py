"""What a service hears from systemd, and what it tells it: a few lines, without a library.

Source: man 3 sd_notify, sd_listen_fds, sd_watchdog_enabled.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from dlcore.agent.addresses import AgentAddress
from dlcore.errors import AgentError
from dlcore.printable import quoted

assert sys.platform != "win32"

FIRST_HANDED_OVER: Final = 3  # SD_LISTEN_FDS_START
_ABSTRACT = "@"  # stands for the zero byte of a name that is not in the file system
_log = logging.getLogger(__name__)


class Systemd:
    """Systemd as the manager of this process. Implements `ServiceManager`.

    Args:
        listens_at: The datagram socket where it hears what the process tells.
        sign_every_s: How often it wants a sign of life, in seconds; None: never.
    """

    def __init__(self, listens_at: str, sign_every_s: float | None = None) -> None:
        self._listens_at = listens_at
        self.sign_every_s = sign_every_s

    @classmethod
    def of(cls, environment: Mapping[str, str], process: int | None = None) -> Self | None:
        """The systemd that started this process; None if it was not systemd, or does not listen.

        Args:
            environment: Of this process.
            process: Its id; None for the real one.
        """
        listens_at = environment.get("NOTIFY_SOCKET", "")
        if not listens_at.startswith((_ABSTRACT, "/")):
            return None
        limit = environment.get("WATCHDOG_USEC", "")
        watched = environment.get("WATCHDOG_PID", "") or str(process or os.getpid())
        if not limit.isdecimal() or watched != str(process or os.getpid()):
            return cls(listens_at)
        return cls(listens_at, int(limit) / 1e6 / 2)  # half, as the manual recommends

    def ready(self) -> None:
        """The agent listens."""
        self._tell("READY=1")

    def alive(self) -> None:
        """The agent's event loop turns."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """The agent has begun to end."""
        self._tell("STOPPING=1")

    def _tell(self, what: str) -> None:
        place = self._listens_at
        if place.startswith(_ABSTRACT):
            place = "\0" + place.removeprefix(_ABSTRACT)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
                told.setblocking(False)
                told.connect(place)
                told.send(what.encode())
        except OSError as error:
            _log.warning("systemd could not be told %s: %s", what, error)


def handed_over(
    address: AgentAddress,
    environment: Mapping[str, str],
    *,
    first: int = FIRST_HANDED_OVER,
    process: int | None = None,
) -> socket.socket | None:
    """The socket at which systemd began to listen for this process; None if there is none.

    Args:
        address: Where the agent's clients look for it.
        environment: Of this process.
        first: The descriptor of the first socket that is handed over.
        process: Id of this process; None for the real one.

    Raises:
        AgentError: The socket is not the one at that address. It is closed.
    """
    if environment.get("LISTEN_PID") != str(process or os.getpid()):
        return None
    count = environment.get("LISTEN_FDS", "")
    if count != "1":
        raise _unsuitable(address, f"{count or 'no'} sockets, and not one")
    listening = socket.socket(fileno=first)
    listening.set_inheritable(False)
    if not _is_at(listening, address.listens_at):
        told = quoted(str(listening.getsockname()))
        listening.close()
        raise _unsuitable(address, f"a socket at {told}")
    return listening


def _is_at(listening: socket.socket, path: str) -> bool:
    if listening.family != socket.AF_UNIX or listening.type != socket.SOCK_STREAM:
        return False
    bound = listening.getsockname()
    return isinstance(bound, str) and bound != "" and _real_path(bound) == _real_path(path)


def _real_path(path: str) -> Path:
    return Path(os.path.realpath(Path(path).parent), Path(path).name)


def _unsuitable(address: AgentAddress, found: str) -> AgentError:
    return AgentError(
        f"systemd hands over {found}; the agent's clients look for it at {address.listens_at}",
        remedy="Run 'dlcore agent install' again, with the state directory that the agent has.",
    )
