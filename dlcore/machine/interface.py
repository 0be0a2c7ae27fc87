"""The questions about a computer, and the form of the answers."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable
from typing import Literal, NamedTuple, NoReturn, Protocol, TypeVar

SecureBoot = Literal["Enabled", "Disabled", "NA"]
"""``NA``: the firmware does not have it."""


T = TypeVar("T")

_log = logging.getLogger(__name__)


class Identity(NamedTuple):
    """What the firmware says about the computer; empty where it says nothing.

    Attributes:
        make: Its manufacturer.
        model: Its product name.
        serial_number: Its serial number.
        asset_tag: The tag of its enclosure.
        uuid: Its UUID, in upper case.
    """

    make: str = ""
    model: str = ""
    serial_number: str = ""
    asset_tag: str = ""
    uuid: str = ""


class Adapter(NamedTuple):
    """A network adapter; the loopback one is never among them.

    Attributes:
        mac_address: In the form ``00:15:5D:01:02:03``; empty if it has none.
        ip_addresses: Its addresses.
        gateways: The default gateways that it leads to.
        is_connected: Whether it has a connection.
        is_wired: Whether it is not a wireless one.
        names: What the system calls it: its name, and the description of its device if there is
            one.
        is_tunnel: Whether it is one end of a tunnel, as a VPN has it.
    """

    mac_address: str = ""
    ip_addresses: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    is_connected: bool = False
    is_wired: bool = True
    names: tuple[str, ...] = ()
    is_tunnel: bool = False


class OperatingSystem(NamedTuple):
    """The Windows that runs on the computer.

    Attributes:
        kind: ``CLIENT`` or ``SERVER``.
        version: Such as ``10.0.19045``.
        bits: 32 or 64.
        language_id: Of the language that it was installed in, such as 1033.
    """

    kind: Literal["CLIENT", "SERVER"]
    version: str
    bits: int
    language_id: int


class Machine(Protocol):
    """Answers questions about a computer. Each raises OSError, with the reason, if it cannot."""

    def computer_name(self) -> str:
        """Its name, without its domain."""
        ...

    def memory_bytes(self) -> int:
        """The physical memory."""
        ...

    def processor_hz(self) -> int:
        """The speed of the first processor."""
        ...

    def free_disk_bytes(self) -> int:
        """The free space of the system's drive."""
        ...

    def is_uefi(self) -> bool:
        """Whether it was started by UEFI, and not by BIOS."""
        ...

    def secure_boot(self) -> SecureBoot:
        """Whether its firmware starts only what is signed."""
        ...

    def time_zone(self) -> str:
        """Its time zone, as ``_SMSTSTimezone`` has it."""
        ...

    def boot_id(self) -> str:
        """A text that is another one after each start of the system."""
        ...

    def is_on_mains(self) -> bool:
        """Whether it is plugged in; true if it has no battery."""
        ...

    def is_metered(self) -> bool:
        """Whether its network is paid for by volume."""
        ...

    def adapters(self) -> tuple[Adapter, ...]:
        """Its network adapters."""
        ...

    def ad_site(self) -> str:
        """The Active Directory site that it was in when it last asked a domain controller.

        Empty if it has none: no domain controller has told it one.
        """
        ...

    def identity(self) -> Identity:
        """What the firmware says about it."""
        ...

    def operating_system(self) -> OperatingSystem:
        """The Windows that runs on it."""
        ...

    def client_version(self) -> str:
        """The version of the ConfigMgr client."""
        ...

    def has_tpm(self) -> bool:
        """Whether a TPM of any version is enabled."""
        ...

    def is_tpm_enabled(self) -> bool:
        """Whether a TPM 2.0 is enabled."""
        ...

    def is_tpm_activated(self) -> bool:
        """Whether a TPM 2.0 is activated."""
        ...


def answer_or_none(question: Callable[[], T]) -> T | None:
    """The answer to a question; None if the machine does not have it."""
    try:
        return question()
    except OSError as error:
        _log.debug("%s is not known: %s", question.__name__, error.strerror or error)
        return None


class SilentMachine:
    """Answers nothing. Implements `Machine`.

    Args:
        reason: Why not.
    """

    def __init__(self, reason: str = "dlcore cannot find it out on this system") -> None:
        self._reason = reason

    def _refuse(self) -> NoReturn:
        raise OSError(self._reason)

    def computer_name(self) -> str:
        """Not known."""
        self._refuse()

    def memory_bytes(self) -> int:
        """Not known."""
        self._refuse()

    def processor_hz(self) -> int:
        """Not known."""
        self._refuse()

    def free_disk_bytes(self) -> int:
        """Not known."""
        self._refuse()

    def is_uefi(self) -> bool:
        """Not known."""
        self._refuse()

    def secure_boot(self) -> SecureBoot:
        """Not known."""
        self._refuse()

    def time_zone(self) -> str:
        """Not known."""
        self._refuse()

    def boot_id(self) -> str:
        """Not known."""
        self._refuse()

    def is_on_mains(self) -> bool:
        """Not known."""
        self._refuse()

    def is_metered(self) -> bool:
        """Not known."""
        self._refuse()

    def adapters(self) -> tuple[Adapter, ...]:
        """Not known."""
        self._refuse()

    def ad_site(self) -> str:
        """Not known."""
        self._refuse()

    def identity(self) -> Identity:
        """Not known."""
        self._refuse()

    def operating_system(self) -> OperatingSystem:
        """Not known."""
        self._refuse()

    def client_version(self) -> str:
        """Not known."""
        self._refuse()

    def has_tpm(self) -> bool:
        """Not known."""
        self._refuse()

    def is_tpm_enabled(self) -> bool:
        """Not known."""
        self._refuse()

    def is_tpm_activated(self) -> bool:
        """Not known."""
        self._refuse()


class NamedMachine(SilentMachine):
    """Tells its name only. Implements `Machine` for systems that dlcore does not know."""

    def computer_name(self) -> str:
        """The name of the host."""
        return platform.node().partition(".")[0]
