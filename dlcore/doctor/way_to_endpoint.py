"""Verdicts on the way to an endpoint: proxy, name, connection, certificate, clock, credentials."""

from __future__ import annotations

from pathlib import Path

from dlcore.deployment import Check, CheckOutcome
from dlcore.disk.faults import storage_error
from dlcore.engine.numbers_for_people import duration
from dlcore.errors import Fault, TlsError
from dlcore.transfer import TOLERATED_S, Contact

MAX_AHEAD_S = 15 * 60.0
"""Signatures of Azure storage are valid from a time that may differ by as much.

Source: Microsoft Learn, "Grant limited access to Azure Storage resources using shared access
signatures (SAS)", best practices.
"""

_NOT_CONNECTED = {Fault.CONNECT, Fault.STALL}


def checks(contact: Contact, authorities: str) -> tuple[Check, ...]:
    """Every verdict, in the order of the way.

    Args:
        contact: What became of a request.
        authorities: Where the authorities come from that it trusted: a file, or the system's store.
    """
    return (
        _proxy(contact),
        _name(contact),
        _connection(contact),
        _certificate(contact, authorities),
        _clock(contact),
    )


def folder(url: str, fault: OSError | None) -> Check:
    """A published folder is there and can be listed.

    Args:
        url: The folder, as the settings name it.
        fault: Why it cannot be listed; None if it can be.
    """
    if fault is None:
        return Check("folder", CheckOutcome.PASSED, url)
    error = storage_error(fault, "read the folder", Path(url))
    remedy = "Name the folder that dlcore publish wrote to, and check that its share is mounted."
    return Check("folder", CheckOutcome.FAILED, error.message, remedy)


def credentials(place: str) -> Check:
    """What the endpoint is sent can be read.

    Args:
        place: The setting that says where it lies; empty if the endpoint is sent none.
    """
    if not place:
        return Check("credentials", CheckOutcome.DOES_NOT_APPLY, "the endpoint is sent none")
    return Check("credentials", CheckOutcome.PASSED, f"read, as {place} says")


def _proxy(contact: Contact) -> Check:
    if contact.unused_script:
        return Check(
            "proxy",
            CheckOutcome.WARNING,
            f"the system names a proxy script that is not used: {contact.unused_script}",
            "Install what runs it (pip install 'dlcore-engine[pac]') and name it by https or as a"
            ' file, proxy = "pac+https://HOST/proxy.pac"; or name the proxy itself with proxy.',
        )
    if not contact.proxy:
        return Check("proxy", CheckOutcome.DOES_NOT_APPLY, "none is used for this host")
    detail = f"{contact.proxy}, set by {contact.proxy_source}"
    return Check("proxy", CheckOutcome.PASSED, detail)


def _name(contact: Contact) -> Check:
    if contact.proxy:
        detail = f"the proxy looks {contact.host} up"
        return Check("name", CheckOutcome.DOES_NOT_APPLY, detail)
    if contact.lookup_fault:
        return Check(
            "name",
            CheckOutcome.FAILED,
            f"{contact.host}: {contact.lookup_fault}",
            "Correct the name, or this machine's name servers; or name the proxy that looks names"
            " up, in the environment variable https_proxy.",
        )
    detail = f"{contact.host} is {', '.join(contact.addresses)}"
    return Check("name", CheckOutcome.PASSED, detail)


def _connection(contact: Contact) -> Check:
    error = contact.error
    if contact.lookup_fault:
        return Check("connection", CheckOutcome.NOT_EXAMINED, "the host was not found")
    if error is None:
        offers = f"; it offers logins by {', '.join(contact.offers)}" if contact.offers else ""
        detail = f"the server answered with status {contact.status}{offers}"
        return Check("connection", CheckOutcome.PASSED, detail)
    if isinstance(error, TlsError):
        return Check("connection", CheckOutcome.PASSED, "the server can be reached")
    remedy = error.remedy
    if error.fault in _NOT_CONNECTED and not contact.proxy:
        remedy += " A firewall may be between; it may allow a proxy only."
    return Check("connection", CheckOutcome.FAILED, error.message, remedy.strip())


def _certificate(contact: Contact, authorities: str) -> Check:
    if contact.scheme == "http":
        return Check("certificate", CheckOutcome.DOES_NOT_APPLY, "plain http has none")
    if isinstance(contact.error, TlsError):
        error = contact.error
        return Check("certificate", CheckOutcome.FAILED, error.message, error.remedy)
    if contact.status:
        detail = f"accepted; authorities: {authorities}"
        return Check("certificate", CheckOutcome.PASSED, detail)
    return Check("certificate", CheckOutcome.NOT_EXAMINED, "the server was not reached")


def _clock(contact: Contact) -> Check:
    if contact.ahead_s is None:
        return Check("clock", CheckOutcome.NOT_EXAMINED, "no server has told its time")
    apart_s = abs(contact.ahead_s)
    direction = "ahead of" if contact.ahead_s > 0 else "behind"
    detail = f"this machine's clock is {duration(apart_s)} {direction} the server's"
    if apart_s <= TOLERATED_S:
        return Check("clock", CheckOutcome.PASSED, detail)
    outcome = CheckOutcome.FAILED if apart_s > MAX_AHEAD_S else CheckOutcome.WARNING
    remedy = "Set the clock: certificates, tokens and signatures are valid for a time only."
    return Check("clock", outcome, detail, remedy)
