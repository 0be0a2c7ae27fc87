"""Which accounts were presented to servers, for all endpoints of one process.

Several distribution points ask one domain about a password, and the domain counts the wrong ones of
all of them together. So what one of them says of an account concerns the others.

Guarantees: an account that no server has accepted yet is presented to one server at a time. If that
one refuses it, the same password is not presented to the others, until some server accepts it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TypeAlias

from dlcore.transfer.http.security_contexts import AccountPassword

_Judged: TypeAlias = tuple[str, AccountPassword]
"""An account, and the server that it belongs to; the server is empty for one of a domain."""

_OWN_OF_SERVER = ".\\"


class PresentedAccounts:
    """What servers have said of accounts. For one event loop."""

    def __init__(self) -> None:
        self._accepted: set[_Judged] = set()
        self._refused: dict[_Judged, str] = {}
        self._turns: dict[_Judged, asyncio.Lock] = {}

    def is_accepted(self, account: AccountPassword, host: str) -> bool:
        """Whether some server has accepted it with this password."""
        return _judged(account, host) in self._accepted

    def refused_by(self, account: AccountPassword, host: str) -> str:
        """The server that refused it with this password; empty if none did, or one accepted it.

        Args:
            account: What would be presented.
            host: The host that it would be presented to.
        """
        return self._refused.get(_judged(account, host), "")

    def turn(self, account: AccountPassword, host: str) -> asyncio.Lock:
        """Held while an account that was not accepted yet is presented."""
        return self._turns.setdefault(_judged(account, host), asyncio.Lock())

    def accepted(self, account: AccountPassword, host: str) -> None:
        """A server has accepted it: whoever refuses it now means something else."""
        judged = _judged(account, host)
        self._accepted.add(judged)
        self._refused.pop(judged, None)

    def refused(self, account: AccountPassword, host: str) -> None:
        """A server has refused it, or may have asked the domain about it without success."""
        judged = _judged(account, host)
        if judged not in self._accepted:
            self._refused.setdefault(judged, host)

    def doubted(self, account: AccountPassword, host: str) -> None:
        """A server refuses what it had accepted: the password may be another one by now."""
        self._accepted.discard(_judged(account, host))


def _judged(account: AccountPassword, host: str) -> _Judged:
    server = host if account.user.startswith(_OWN_OF_SERVER) else ""
    return server, replace(account, user=account.user.upper())  # Windows ignores the case
