"""Verdicts on what is installed: dlcore itself, its native core, its extras, the authorities."""

from __future__ import annotations

from collections.abc import Mapping

from dlcore.deployment import Check, CheckOutcome
from dlcore.extras import Extra
from dlcore.native import CoreDescription


def versions(dlcore: str, python: str, executable: str) -> Check:
    """Which dlcore runs on which Python: told, never a fault."""
    detail = f"dlcore {dlcore} on Python {python} ({executable})"
    return Check("versions", CheckOutcome.PASSED, detail)


def core(name: str, description: CoreDescription) -> Check:
    """Blocks are hashed and written by C code."""
    if name == "compiled":
        return Check("core", CheckOutcome.PASSED, description.what)
    remedy = f"To be faster, {description.advice}."
    return Check("core", CheckOutcome.WARNING, description.what, remedy)


def extras(missing: Mapping[Extra, str]) -> Check:
    """Which extras are installed: told, never a fault.

    Args:
        missing: Those that are not, each with what it is for.
    """
    named = ", ".join(f"{extra} ({purpose})" for extra, purpose in missing.items())
    detail = f"not installed: {named}" if named else "all are installed"
    return Check("extras", CheckOutcome.PASSED, detail)


def trust_store(authorities: str) -> Check:
    """The system has certificate authorities.

    Args:
        authorities: Where they are; empty if there are none.
    """
    if authorities:
        return Check("trust-store", CheckOutcome.PASSED, f"authorities: {authorities}")
    return Check(
        "trust-store",
        CheckOutcome.WARNING,
        "this system has no certificate authorities, so no https server is trusted",
        "Install the package ca-certificates, or name your authorities with --ca-file (ca_file in a"
        " deployment file).",
    )
