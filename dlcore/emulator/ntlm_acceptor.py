"""The server's side of a login by NTLM, alone or inside of Negotiate (an extra).

Guarantees: a login over TLS counts only if it was made for the server's own certificate. What a
client sends gets into no log and no message. An account that is locked is refused as a wrong
password is: IIS answers both alike.

It is pyspnego's own NTLM, on Windows too, where SSPI would ask for accounts of Windows.

Source: RFC 4559; MS-NLMP; RFC 5929, section 4.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from dlcore.extras import require

Scheme = Literal["Negotiate", "NTLM"]

_ACCOUNTS_VARIABLE: Final = "NTLM_USER_FILE"
_reading = threading.Lock()  # held while the variable is ours


class LoginRefusedError(ValueError):
    """The login is not accepted."""


class NtlmAcceptor:
    r"""One handshake, at one connection.

    Args:
        scheme: What the client was offered and has chosen.
        accounts: File with a line ``DOMAIN:user:password`` for each account.
        locked: Names of locked accounts, ``DOMAIN\user``.
        binding: The channel binding that a login must have; None without TLS.
    """

    def __init__(
        self,
        scheme: Scheme,
        accounts: Path,
        *,
        locked: frozenset[str] = frozenset(),
        binding: bytes | None = None,
    ) -> None:
        require("windows-auth")
        import spnego
        from spnego.channel_bindings import GssChannelBindings

        # At its level DEBUG it writes whole tokens, and who has them can search for the password.
        logging.getLogger("spnego").setLevel(logging.WARNING)
        options = spnego.NegotiateOptions
        self._accounts = accounts
        self._locked = frozenset(name.casefold() for name in locked)
        with _accounts_at(accounts):
            self._context = spnego.server(
                protocol=scheme.lower(),
                channel_bindings=GssChannelBindings(application_data=binding) if binding else None,
                options=options.use_ntlm if scheme == "NTLM" else options.use_negotiate,
            )

    def accept(self, token: bytes) -> tuple[bytes | None, str]:
        """Read a token of the client.

        Returns:
            The reply, and the user who is logged in; empty if the handshake goes on.

        Raises:
            LoginRefusedError: The token is not one, or the login is not accepted.
        """
        try:
            with _accounts_at(self._accounts):
                reply = self._context.step(token)
        except Exception as error:  # of pyspnego, or of its parser
            raise LoginRefusedError(type(error).__name__) from None
        if not self._context.complete:
            return reply, ""
        user = str(self._context.client_principal)
        if user.casefold() in self._locked:
            raise LoginRefusedError("the account is locked")
        return reply, user


@contextlib.contextmanager
def _accounts_at(file: Path) -> Iterator[None]:
    """Tell pyspnego where the accounts are: it looks into the environment and nowhere else."""
    with _reading:
        before = os.environ.get(_ACCOUNTS_VARIABLE)
        os.environ[_ACCOUNTS_VARIABLE] = str(file)
        try:
            yield
        finally:
            if before is None:
                del os.environ[_ACCOUNTS_VARIABLE]
            else:
                os.environ[_ACCOUNTS_VARIABLE] = before
