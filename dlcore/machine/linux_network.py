"""Whether the network of a Linux machine is paid for by volume, as NetworkManager knows it.

NetworkManager is asked over D-Bus by ``busctl``, which is part of systemd. It is started from the
folder of the system, so that no program of somebody else is run.

Source: NetworkManager's D-Bus API, ``org.freedesktop.NetworkManager.Metered`` and ``NMMetered``.
"""

from __future__ import annotations

import re
import subprocess
from typing import Final

_BUSCTL: Final = "/usr/bin/busctl"
_SERVICE: Final = "org.freedesktop.NetworkManager"
_QUESTION: Final = (
    "--system",
    "--timeout=3",
    "get-property",
    _SERVICE,
    "/org/freedesktop/NetworkManager",
    _SERVICE,  # its interface is called as the service is
    "Metered",
)
_MAX_S: Final = 5.0
_METERED: Final = frozenset({1, 3})  # yes, and guessed so
_UNMETERED: Final = frozenset({2, 4})  # no, and guessed so


def ask_network_manager() -> str:
    """What ``busctl`` prints.

    Raises:
        OSError: There is no ``busctl``, or no NetworkManager.
    """
    try:
        done = subprocess.run(  # noqa: S603  # a fixed command
            [_BUSCTL, *_QUESTION],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_MAX_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OSError("NetworkManager does not answer") from None
    if done.returncode:
        raise OSError("there is no NetworkManager to ask")
    return done.stdout


def metered_by_network_manager(said: str) -> bool:
    """Whether the network is metered, by what ``busctl`` printed.

    Raises:
        OSError: NetworkManager does not know, or said something else.
    """
    found = re.fullmatch(r"u ([0-9]{1,10})", said.strip())
    number = int(found[1]) if found else 0
    if number not in _METERED | _UNMETERED:
        raise OSError("NetworkManager does not know whether the network is metered")
    return number in _METERED
