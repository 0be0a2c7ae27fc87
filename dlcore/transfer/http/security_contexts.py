"""Makes the tokens that prove who this client is, with Windows' own means or pyspnego.

A *security context* is one side of such a proof: it makes a token, reads the server's, and makes
the next. On Windows that is SSPI. Elsewhere NTLM is pyspnego's own, and Kerberos that of the
system, if the packages gssapi and krb5 are installed.

Guarantees: one wrong password is shown to the domain once. No token and no password gets into a
log. Everything here blocks, because it may ask a domain controller: call it in a thread.

Source: RFC 4559; MS-NLMP; MS-SPNG.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from dlcore.extras import require

Scheme = Literal["Negotiate", "NTLM"]
"""A scheme whose tokens are made here."""

_REFUSED: Final = frozenset({-1765328360, -1765328353, -1765328366, -1765328361})
"""What a domain controller says of a wrong password (KRB5KDC_ERR_PREAUTH_FAILED, or
KRB5KRB_AP_ERR_BAD_INTEGRITY), of a locked account (KRB5KDC_ERR_CLIENT_REVOKED) and of an expired
password (KRB5KDC_ERR_KEY_EXP)."""

_NOT_ACCEPTED: Final = "the domain does not accept the account or its password"


@dataclass(frozen=True, slots=True)
class AccountPassword:
    r"""An account of Windows, and its password.

    Attributes:
        user: ``DOMAIN\user`` or ``user@realm``.
        password: Never shown.
    """

    user: str
    password: str = field(repr=False)


class ContextError(Exception):
    """No token can be made. Its text is ours, and holds no secret."""


class WrongPasswordError(ContextError):
    """The domain does not accept the password, or the account."""


class DomainSilentError(ContextError):
    """No domain controller answers."""


class SecurityContext(Protocol):
    """One login at one connection, seen from this client."""

    def step(self, token: bytes | None) -> bytes | None:
        """Read the server's token, and make the next one.

        Args:
            token: The server's; None for the first step.

        Returns:
            None if nothing more is to be sent.

        Raises:
            ContextError: There is no ticket or login to use, or the token cannot be used.
        """


MakeContext = Callable[[Scheme, str, AccountPassword | None, bytes | None], SecurityContext]
"""Makes a context of: scheme, host, account (None: whoever this process runs as), and the channel
binding (None without TLS). Raises `ContextError`."""


class SecurityContexts:
    """Makes contexts by Windows, or by pyspnego.

    Args:
        gets_ticket: Asks the domain about a password, and tells whether Kerberos knows the account;
            None: by Kerberos.
    """

    def __init__(self, gets_ticket: Callable[[str, AccountPassword], bool] | None = None) -> None:
        self._gets_ticket = gets_ticket or _gets_ticket
        self._gets_tickets: dict[AccountPassword, bool] = {}
        self._refused: set[AccountPassword] = set()
        self._asking = threading.Lock()  # held while the domain is asked about a password

    def make(
        self, scheme: Scheme, host: str, account: AccountPassword | None, binding: bytes | None
    ) -> SecurityContext:
        """A context; see `MakeContext`.

        Raises:
            ConfigError: pyspnego is not installed.
            ContextError: As the type says.
        """
        require("windows-auth")
        # At its level DEBUG it writes whole tokens, and who has them can search for the password.
        logging.getLogger("spnego").setLevel(logging.WARNING)
        if account is None:
            _require_own_login(scheme, host)
        elif scheme == "Negotiate" and not self._has_tickets(host, account):
            # Its token may stand in Negotiate as it is. To look for a domain controller again at
            # each connection takes long.
            return _PyspnegoContext("NTLM", host, account, binding)
        return _PyspnegoContext(scheme, host, account, binding)

    def _has_tickets(self, host: str, account: AccountPassword) -> bool:
        """Ask about a password once, also if nobody waits for the answer any more.

        Raises:
            WrongPasswordError: The domain says so, or has said so.
        """
        with self._asking:
            if account in self._refused:
                raise WrongPasswordError(_NOT_ACCEPTED)
            if account not in self._gets_tickets:
                try:
                    self._gets_tickets[account] = self._gets_ticket(host, account)
                except WrongPasswordError:
                    self._refused.add(account)
                    raise
            return self._gets_tickets[account]


class _PyspnegoContext:
    def __init__(
        self, scheme: Scheme, host: str, account: AccountPassword | None, binding: bytes | None
    ) -> None:
        import spnego
        from spnego.channel_bindings import GssChannelBindings

        bindings = GssChannelBindings(application_data=binding) if binding else None
        try:
            self._context = spnego.client(
                account.user if account else None,
                account.password if account else None,
                hostname=host,
                service="HTTP",
                protocol=scheme.lower(),
                channel_bindings=bindings,
            )
        except Exception as error:
            raise _context_error(error) from None

    def step(self, token: bytes | None) -> bytes | None:
        try:
            return self._context.step(token)
        except Exception as error:  # of pyspnego, of its parser, or of what it calls
            failure = _context_error(error)
        raise failure


def _require_own_login(scheme: Scheme, host: str) -> None:
    """Refuse where this process has no login of its own that it could show.

    Windows always has one. Elsewhere it is a Kerberos ticket.

    Raises:
        ContextError: There is none.
    """
    if sys.platform == "win32":
        return
    if scheme != "Negotiate" or not _has_kerberos():
        raise ContextError("this process has no Kerberos ticket")
    _ask_kerberos(host, None)


def _gets_ticket(host: str, account: AccountPassword) -> bool:
    r"""Whether Kerberos knows the account; Windows finds that out itself.

    Outside of Windows, ``DOMAIN\user`` names nobody to Kerberos.

    Raises:
        WrongPasswordError: It knows the account, and does not accept the password. NTLM would show
            that to the domain again.
    """
    if sys.platform == "win32":
        return True
    if "\\" in account.user or not _has_kerberos():
        return False
    try:
        _ask_kerberos(host, account)
    except WrongPasswordError:
        raise
    except ContextError:
        return False
    return True


def _ask_kerberos(host: str, account: AccountPassword | None) -> None:
    """Get a ticket with the password, or see that there is one.

    Raises:
        ContextError: There is none.
    """
    import spnego

    who = (account.user, account.password) if account else (None, None)
    try:
        context = spnego.client(who[0], who[1], hostname=host, service="HTTP", protocol="kerberos")
        context.step(None)  # only now it looks for a ticket
    except Exception as error:
        failure = _context_error(error)
    else:
        return
    raise failure


def _has_kerberos() -> bool:
    return all(importlib.util.find_spec(name) for name in ("gssapi", "krb5"))


def _context_error(error: Exception) -> ContextError:
    """Ours in place of pyspnego's, whose text may repeat what a server or domain has sent."""
    from spnego.exceptions import InvalidCredentialError

    is_refused = sys.platform == "win32" and isinstance(error, InvalidCredentialError)
    if is_refused or getattr(error, "err_code", None) in _REFUSED:
        return WrongPasswordError(_NOT_ACCEPTED)
    return ContextError(type(error).__name__)
