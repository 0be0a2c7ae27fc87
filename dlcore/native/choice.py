"""Which core and which SHA-256 backend a process uses: chosen once, when it is imported."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import NamedTuple

from dlcore.errors import ConfigError
from dlcore.native import portable
from dlcore.native.interface import Core

CORE_VARIABLE = "DLCORE_NATIVE"  # compiled or portable
BACKEND_VARIABLE = "DLCORE_SHA256_BACKEND"


def load_compiled() -> Core | None:
    """The compiled core; None where the extension is not built or cannot be loaded."""
    try:
        from dlcore.native import compiled
    except ImportError:
        return None
    return compiled


def choose_core(environment: Mapping[str, str], compiled: Core | None) -> Core:
    """The compiled core if there is one, unless ``DLCORE_NATIVE`` demands another choice.

    Args:
        environment: The process's environment variables.
        compiled: The compiled core, or None if there is none.

    Raises:
        ConfigError: The variable has an unknown value, or demands a core that is not there.
    """
    wish = environment.get(CORE_VARIABLE)
    if wish and wish not in {"compiled", "portable"}:
        raise ConfigError(
            f"{CORE_VARIABLE}={wish}: there is no such core",
            remedy="Set it to compiled or portable, or unset it.",
        )
    if wish == "compiled" and compiled is None:
        raise ConfigError(
            f"{CORE_VARIABLE}={wish}: the compiled core is not installed",
            remedy="Install a C compiler and reinstall dlcore, or unset the variable.",
        )
    return portable if wish == "portable" or compiled is None else compiled


def choose_backend(environment: Mapping[str, str], core: Core) -> str:
    """The fastest SHA-256 backend, unless ``DLCORE_SHA256_BACKEND`` names another one.

    Raises:
        ConfigError: It names one that this core or CPU does not have.
    """
    wish = environment.get(BACKEND_VARIABLE)
    if wish and wish not in core.backends():
        raise ConfigError(
            f"{BACKEND_VARIABLE}={wish}: this CPU has no such SHA-256 backend",
            remedy=f"Unset it, or use one of: {', '.join(core.backends())}.",
        )
    return wish or core.fastest_backend()


class CoreDescription(NamedTuple):
    """What people are told of a core.

    Attributes:
        what: Its name, its SHA-256 backend, and what is slower with it.
        advice: What to do to be faster; empty for nothing.
    """

    what: str
    advice: str = ""

    @property
    def line(self) -> str:
        """Both as one line."""
        return f"{self.what}; {self.advice}" if self.advice else self.what


def description(core: Core, compiled: Core | None, platform: str = sys.platform) -> CoreDescription:
    """What people are told of a core.

    Args:
        core: The core in use.
        compiled: The compiled core; None if there is none.
        platform: As `sys.platform`.
    """
    if core.NAME == "compiled":
        return CoreDescription(f"native core ({core.backend()})")
    if compiled:
        advice = f"unset {CORE_VARIABLE} for the native core"
    elif platform == "win32":
        advice = "install a wheel for the native core"
    else:
        advice = "install a C compiler and reinstall for the native core"
    return CoreDescription("portable core (hashlib): hashing up to 2x slower", advice)
