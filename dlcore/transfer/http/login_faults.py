"""Why a login by Negotiate or NTLM came to nothing, and what a person does about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dlcore.errors import Fault, TransferError
from dlcore.transfer.http.handshake import Handshake
from dlcore.transfer.http.security_contexts import (
    AccountPassword,
    ContextError,
    DomainSilentError,
    Scheme,
)


def not_accepted(
    handshake: Handshake[Any], scheme: Scheme, account: AccountPassword | None
) -> TransferError:
    """The server has looked at a login, and does not accept it.

    Args:
        handshake: The login.
        scheme: How this client tried to log in.
        account: Who was presented; None for whoever this process runs as.
    """
    side = handshake.side
    if account is None:
        return handshake.error(
            f"{side.who} does not accept the login of this process ({scheme})",
            f"Name an account that it accepts, with {side.settings}; or allow this one.",
        )
    return handshake.error(
        f"{side.who} does not accept the user {account.user} ({scheme})",
        f"Correct user (DOMAIN\\USER or USER@REALM) and password: {side.settings}. Or allow"
        " this user there. The same password is not tried again: that could lock the"
        " account.",
    )


def not_presented(
    handshake: Handshake[Any], account: AccountPassword, refused_by: str
) -> TransferError:
    """Another server has refused the account.

    Args:
        handshake: The login.
        account: Who would have been presented.
        refused_by: The other server.
    """
    return handshake.error(
        f"dlcore does not log in as {account.user} to {handshake.side.who}, because"
        f" {refused_by} did not accept the same password",
        "Correct user (DOMAIN\\USER or USER@REALM) and password of both, or allow this user"
        f" at {refused_by}. Another wrong attempt could lock the account.",
    )


def nothing_to_show(
    handshake: Handshake[Any], scheme: Scheme, reasons: Sequence[ContextError]
) -> TransferError:
    """No token could be made. If a domain controller is only out of reach, that may pass."""
    why = "; ".join(map(str, reasons))
    what = f"{handshake.side.who} wants a login ({scheme}), and there is none: {why}"
    if any(isinstance(reason, DomainSilentError) for reason in reasons):
        return TransferError(
            f"{handshake.request}: {what}",
            fault=Fault.STALL,
            endpoint=handshake.endpoint,
            remedy="Check that this machine reaches its domain: its network, its name servers, its"
            " VPN.",
        )
    return handshake.error(what, f"Name an account with {handshake.side.settings}.")


def not_kept_apart(handshake: Handshake[Any], scheme: Scheme) -> TransferError:
    """A proxy on the way may hand the connection to other clients."""
    return handshake.error(
        "the proxy does not say that it keeps the connections of clients apart, which"
        f" {scheme} needs",
        "Reach this server without the proxy (NO_PROXY), or by https.",
    )


def not_offered(
    handshake: Handshake[Any], offered: Iterable[str], schemes: Iterable[Scheme]
) -> TransferError:
    """The server wants a login in another way.

    Args:
        handshake: The login.
        offered: What it offers.
        schemes: What this client may use.
    """
    side = handshake.side
    what = "this proxy (proxy_authentication)" if side.is_proxy else "this endpoint"
    return handshake.error(
        f"{side.who} offers {' and '.join(offered) or 'no login'}, and not {' or '.join(schemes)}",
        f"Switch Windows authentication on there, or set another authentication for {what};"
        " basic sends the password itself.",
    )


def turn_not_come(handshake: Handshake[Any], where: str, waited_s: float) -> TransferError:
    """Another login that must end first does not end.

    Args:
        handshake: The login.
        where: Where the other one is.
        waited_s: Seconds.
    """
    return TransferError(
        f"{handshake.request}: another login {where} has not ended within {waited_s:g} s",
        fault=Fault.STALL,
        endpoint=handshake.endpoint,
        remedy="Check whether the server or its network is overloaded.",
    )
