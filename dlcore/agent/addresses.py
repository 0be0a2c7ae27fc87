"""Where the agent of a state directory listens: the state directory alone decides it.

So a client needs no other knowledge, and two agents of one state directory meet at one place. On
Windows that is a named pipe, elsewhere a socket in the state directory, which is a private folder.

Source: man 7 unix (``sun_path``); learn.microsoft.com/en-us/windows/win32/ipc/pipe-names
"""

from __future__ import annotations

import hashlib
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from dlcore.errors import AgentError
from dlcore.long_path import plain_path, rooted

SOCKET_NAME: Final = "agent.sock"
SERVICE_NAME: Final = "dlcore-agent"  # of the unit, and of the service of Windows
SYSTEM_STATE: Final = Path("/var/lib/dlcore/state")  # below it systemd keeps what is dlcore's
_PIPES = r"\\.\pipe" + "\\"
_DIGITS_OF_NAME = 32  # 128 bits: no two state directories of a machine share a pipe


class Scope(StrEnum):
    """Whose agent it is."""

    USER = "user"
    """One user's own: it serves that user, and the administrator."""

    SYSTEM = "system"
    """The machine's: it serves administrators, and what the system itself runs."""


class AgentAddress(NamedTuple):
    """Where the agent of a state directory listens.

    Attributes:
        state: The state directory, absolute.
        listens_at: Path of the socket, or name of the pipe.
    """

    state: Path
    listens_at: str


def address_of(state: Path) -> AgentAddress:
    """Where the agent of a state directory listens, whether it runs or not.

    Args:
        state: The state directory. It need not exist.
    """
    state = plain_path(rooted(state))
    name = pipe_name(state) if sys.platform == "win32" else str(state / SOCKET_NAME)
    return AgentAddress(state, name)


def pipe_name(state: Path) -> str:
    """The pipe of a state directory: the same for all spellings of its path.

    The name tells nothing of the path: every user of a machine may list the pipes.
    """
    place = os.path.normcase(os.path.realpath(state))
    digest = hashlib.sha256(place.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_PIPES}dlcore-agent-{digest[:_DIGITS_OF_NAME]}"


def default_state(scope: Scope) -> Path:
    """The state directory that an agent has unless another one is named.

    Raises:
        AgentError: There is no such place on this kind of system.
    """
    import platformdirs

    if scope is Scope.USER:
        return platformdirs.user_state_path("dlcore") / "state"
    if sys.platform == "win32":
        return platformdirs.site_data_path("dlcore", appauthor=False) / "state"
    if sys.platform == "linux":
        return SYSTEM_STATE
    raise AgentError(
        f"an agent of the whole machine has no default state directory on {sys.platform}",
        remedy="Name the state directory with --state.",
    )


def is_administrator() -> bool:
    """Whether this process may administer the machine: root, or elevated on Windows."""
    if sys.platform == "win32":
        import ctypes

        return bool(ctypes.windll.shell32.IsUserAnAdmin())
    return os.geteuid() == 0
