r"""The units by which systemd runs the agent: one template for each, and how a value is written.

A value may hold anything that a path may: spaces, quotes, percent and dollar signs, bytes that are
not UTF-8. What systemd itself cannot have is refused.

Source: man 5 systemd.unit, systemd.service, systemd.socket, systemd.exec; man 7 systemd.syntax.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from dlcore.agent.addresses import SERVICE_NAME, SYSTEM_STATE, AgentAddress, Scope
from dlcore.errors import ConfigError
from dlcore.printable import quoted

UNIT: Final = SERVICE_NAME
MARK: Final = "# Written by `dlcore agent install`, which writes it anew: do not edit."
MAX_SOCKET_PATH_BYTES: Final = 107  # of sun_path, without its NUL
HIDDEN_OF_SYSTEM: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108  # by PrivateTmp= below
_KEPT: Final = SYSTEM_STATE.parent

_PLAIN = re.compile(r"[A-Za-z0-9_/.,:=+@-]+")
_ESCAPED = {**{each: f"\\{each}" for each in "\\\"'"}, "%": "%%"}
_NOT_IN_PROGRAM = re.compile(r"[\x00-\x1f\x7f\"'\\$]|[^\x00-\U0010ffff]")
"""What systemd refuses in a program's path, and what it cannot take as it is written there."""

_NOT_IN_LINE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]|^\s|\s$")

_SERVICE = """\
{mark}
[Unit]
Description=dlcore agent{of}: fetches packages to this machine before they are requested
After=network.target
# Less than ten starts with RestartSec= take: a full disk or a state directory that is held stays an
# obstacle for a while, and nobody should have to start the agent by hand then.
StartLimitIntervalSec=1min
StartLimitBurst=10

[Service]
Type=notify
ExecStart={command}
# A stop by SIGTERM is a good end; a file with settings that cannot be used stays so.
SuccessExitStatus=143
Restart=on-failure
RestartSec=10s
RestartPreventExitStatus=2
TimeoutStartSec=5min
TimeoutStopSec=30s
WatchdogSec=2min
UMask=0077
{protection}
[Install]
WantedBy={target}
"""

_SOCKET = """\
{mark}
[Unit]
Description=Socket of the dlcore agent{of}

[Socket]
ListenStream={socket}
SocketMode=0600
DirectoryMode=0700

[Install]
WantedBy=sockets.target
"""

_PROTECTION_OF_ALL = """\
LockPersonality=yes
NoNewPrivileges=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
"""

_PROTECTION_OF_SYSTEM = """\
# The agent reads what any user may have made. It writes to its state directory, and below
# /var/lib/dlcore what a user's dlcore keeps in the home folder.
Environment=XDG_STATE_HOME={states}
StateDirectory={name}
StateDirectoryMode=0700
CapabilityBoundingSet=CAP_DAC_READ_SEARCH
DevicePolicy=closed
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
"""


class Units(NamedTuple):
    """The texts of the agent's units.

    Attributes:
        service: What runs.
        socket: Where systemd listens for it, so that a client finds it while it starts.
    """

    service: str
    socket: str

    def files(self) -> dict[str, str]:
        """The texts by the names of their files."""
        return {f"{UNIT}.socket": self.socket, f"{UNIT}.service": self.service}


def units(scope: Scope, address: AgentAddress, command: Sequence[str]) -> Units:
    """The units of an agent.

    Args:
        scope: Whose agent it is.
        address: Where it listens.
        command: What runs it: a program by its absolute path, and its arguments.

    Raises:
        ConfigError: The path of the program, or of the socket, cannot stand in a unit.
    """
    of = " of the machine" if scope is Scope.SYSTEM else ""
    service = _SERVICE.format(
        mark=MARK,
        of=of,
        command=command_line(command),
        protection=_protection(scope, address.state),
        target="multi-user.target" if scope is Scope.SYSTEM else "default.target",
    )
    return Units(service, _SOCKET.format(mark=MARK, of=of, socket=_socket_path(address)))


def command_line(command: Sequence[str]) -> str:
    """A command as the value of ``ExecStart=``.

    Raises:
        ConfigError: The path of the program cannot stand there.
    """
    program, *arguments = command
    found = _NOT_IN_PROGRAM.search(program)
    if found or not program.startswith("/") or not _is_utf8(program):
        raise ConfigError(
            f"systemd does not run a program whose path is {quoted(program)}",
            remedy="Install dlcore where the path has neither quotes, backslashes, dollar signs "
            "nor control characters, and run 'dlcore agent install' from there.",
        )
    return " ".join((_word(program), *(_word(each).replace("$", "$$") for each in arguments)))


def _word(text: str) -> str:
    """A text as one word of a value."""
    if _PLAIN.fullmatch(text):
        return text
    return f'"{"".join(map(_written, text))}"'


def _written(character: str) -> str:
    if character in _ESCAPED:
        return _ESCAPED[character]
    if character.isprintable() and character.isascii():
        return character
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))


def _socket_path(address: AgentAddress) -> str:
    """A path as the value of ``ListenStream=``, which is not quoted."""
    path = address.listens_at
    length_bytes = len(os.fsencode(path))
    if length_bytes > MAX_SOCKET_PATH_BYTES:
        raise ConfigError(
            f"the path of the agent's socket is too long for systemd: {path} has {length_bytes} "
            f"bytes, and {MAX_SOCKET_PATH_BYTES} are allowed",
            remedy="Name a state directory with a shorter path, with --state.",
        )
    if _NOT_IN_LINE.search(path):
        raise ConfigError(
            f"systemd cannot listen at {quoted(path)}",
            remedy="Name a state directory without control characters in its path, with --state.",
        )
    return path.replace("%", "%%")


def _protection(scope: Scope, state: Path) -> str:
    """What the agent may not do; a user's own systemd lacks the rights for most of it."""
    if scope is Scope.USER:
        return _PROTECTION_OF_ALL
    system = _PROTECTION_OF_SYSTEM.format(states=_KEPT.parent, name=_KEPT.name)
    is_kept = state.is_relative_to(_KEPT)
    place = "" if is_kept else f"ReadWritePaths={_word(str(state))}\n"
    return f"{system}{_PROTECTION_OF_ALL}{place}"


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= each <= "\udfff" for each in text)
