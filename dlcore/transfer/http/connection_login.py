"""Who is shown to a server that wants a login by Negotiate or NTLM, and when.

A request is sent as it is first. If it is answered 401, the handshake follows. Shown is this
process's own login, if it has one; if the server does not accept that, the account that the
settings name.

Guarantees:

* Nothing is shown to a server that offers neither scheme, nor to another origin.
* An account that was not accepted yet is shown on one connection, and all others wait, also those
  to other servers (`shown_accounts`). If it is refused, it is not shown again until its password is
  another one: wrong passwords lock an account. Where passwords change while connections are opened,
  each of these may show the old one once.
* A server that wants a login for each request gets the first token along with each from then on.

Source: RFC 9110, section 15.5.2: a 401 after a login is its refusal; RFC 4559, section 6; MS-N2HT,
section 2.2, ``Persistent-Auth``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
import msgspec

from dlcore.abandonable import AbandonableThreads
from dlcore.errors import AuthError, Fault, TransferError
from dlcore.transfer.http.auth_challenges import offers_of
from dlcore.transfer.http.faults import REMEDIES
from dlcore.transfer.http.handshake import UNAUTHORIZED, Handshake, Send
from dlcore.transfer.http.pinned_connections import Pins, holding
from dlcore.transfer.http.security_contexts import (
    AccountPassword,
    ContextError,
    MakeContext,
    Scheme,
    WrongPasswordError,
)
from dlcore.transfer.http.shown_accounts import ShownAccounts
from dlcore.transfer.http.tls import Origin
from dlcore.transfer.policy import TransferPolicy

FindAccount = Callable[[], Awaitable[AccountPassword | None]]
"""Reads the account that the settings name; None if they name none."""

MAX_REPEATED: Final = 2
"""A server that wants a login so often where there is one wants it for each request."""

MAX_UNANSWERED: Final = 2
"""How often an account is shown without an answer: the connection breaks, or nobody waits for it
any more. The server may have asked the domain about the password nevertheless."""

_TELLS_NOTHING: Final = frozenset({400, 408, 429})
"""Besides 500 and more: a server answers so before it has looked at a login."""


class _Shown(msgspec.Struct, frozen=True):
    """Who was accepted, and by which scheme."""

    scheme: Scheme
    account: AccountPassword | None


class ConnectionLogin:
    """For one endpoint and one origin.

    Args:
        endpoint: Name of the endpoint, for errors.
        origin: The only server that anything is shown to.
        schemes: What may be used, the best first.
        find_account: Reads the account that the settings name.
        make_context: Makes the tokens.
        policy: Times and limits.

    Attributes:
        origin: The same.
    """

    def __init__(
        self,
        endpoint: str,
        origin: Origin,
        schemes: tuple[Scheme, ...],
        find_account: FindAccount,
        make_context: MakeContext,
        policy: TransferPolicy,
    ) -> None:
        self.origin = origin
        self._host = origin[1]
        self._endpoint = endpoint
        self._schemes = schemes
        self._find_account = find_account
        self._make_context = make_context
        self._policy = policy
        self._threads = AbandonableThreads(policy.max_login_threads)
        self._pins = Pins()
        self._alone = asyncio.Lock()
        self._accepted: _Shown | None = None
        self._refused: AccountPassword | None = None
        self._unanswered = 0
        self._repeated = 0  # logins in succession at connections that had one already
        self._is_for_each_request = False

    async def send(
        self, request: str, send: Send, accounts: ShownAccounts, *, is_shared: bool
    ) -> tuple[aiohttp.ClientResponse, Callable[[], None]]:
        """Send a request, and log in if the server wants that.

        Args:
            request: Method and redacted URL, for errors.
            send: Sends it.
            accounts: What other servers have said of accounts.
            is_shared: Whether a proxy may send requests of several clients over one connection.

        Returns:
            The response, and what to call when its connection is not used any more.

        Raises:
            AuthError: The server does not accept this client.
            TransferError: What ``send`` raised.
            ConfigError: The account cannot be read, or pyspnego is not installed.
        """
        pin = self._pins.take()
        handshake = Handshake(
            *(self._endpoint, request, self._host, pin, send),
            *(self._make_context, self._threads, self._policy),
        )
        try:
            with holding(pin):
                response = await self._response(handshake, accounts, is_shared=is_shared)
        except BaseException:
            self._pins.give_back(pin)
            raise
        return response, lambda: self._pins.give_back(pin)

    async def _response(
        self, handshake: Handshake, accounts: ShownAccounts, *, is_shared: bool
    ) -> aiohttp.ClientResponse:
        accepted = self._accepted
        is_bindable = self.origin[0] == "http" or handshake.pin.certificate is not None
        if self._is_for_each_request and accepted and is_bindable:
            return await self._log_in(handshake, accepted.scheme, accounts)
        response = await handshake.without_login()
        if response.status != UNAUTHORIZED:
            if handshake.pin.is_authenticated:
                self._repeated = 0
            return response
        was_authenticated = handshake.pin.is_authenticated
        scheme = self._scheme(handshake.request, response, is_shared=is_shared)
        await handshake.drain(response)
        response = await self._log_in(handshake, scheme, accounts)
        keeps = response.headers.get("Persistent-Auth", "").strip().lower()
        self._repeated = self._repeated + 1 if was_authenticated else self._repeated
        self._is_for_each_request |= self._repeated >= MAX_REPEATED or keeps == "false"
        return response

    async def _log_in(
        self, handshake: Handshake, scheme: Scheme, accounts: ShownAccounts
    ) -> aiohttp.ClientResponse:
        if self._accepted is None:
            await self._wait_for_turn(handshake.request, self._alone)
            try:
                if self._accepted is None:
                    return await self._try_all(handshake, scheme, accounts)
            finally:
                self._alone.release()
        account = self._accepted.account
        try:
            response = await handshake.run(scheme, account)
        except ContextError as error:
            self._accepted = None
            reasons = [str(error)]
        else:
            if response.status != UNAUTHORIZED:
                return response
            response.close()
            self._accepted = None
            if account:
                accounts.doubted(account, self._host)
            raise self._refusal(handshake.request, scheme, account)
        raise self._nothing_to_show(handshake.request, scheme, reasons)

    async def _wait_for_turn(self, request: str, turn: asyncio.Lock) -> None:
        """Wait for the login under way, but not for those of all others that wait for it."""
        try:
            async with asyncio.timeout(self._policy.stall_s):
                await turn.acquire()
        except TimeoutError:
            where = "at this server" if turn is self._alone else "of this user at another server"
            raise TransferError(
                f"{request}: another login {where} has not ended within {self._policy.stall_s:g} s",
                fault=Fault.STALL,
                endpoint=self._endpoint,
                remedy=REMEDIES[Fault.STALL],
            ) from None

    async def _try_all(
        self, handshake: Handshake, scheme: Scheme, accounts: ShownAccounts
    ) -> aiohttp.ClientResponse:
        """Show who this process runs as, then the named account, until one is accepted."""
        reasons = []
        refusal: AuthError | None = None
        named = await self._find_account()
        for account in (None, named) if named else (None,):
            try:
                response = await self._try(handshake, scheme, account, accounts)
            except ContextError as error:
                reasons.append(str(error))
                continue
            if response.status != UNAUTHORIZED:
                if _tells_of_login(response.status):
                    self._accepted = _Shown(scheme, account)
                return response
            response.close()
            refusal = self._refusal(handshake.request, scheme, account)
        raise refusal or self._nothing_to_show(handshake.request, scheme, reasons)

    async def _try(
        self,
        handshake: Handshake,
        scheme: Scheme,
        account: AccountPassword | None,
        accounts: ShownAccounts,
    ) -> aiohttp.ClientResponse:
        """Show an account that this server has not accepted yet, while no other server sees it."""
        if account is None:
            return await handshake.run(scheme, None)
        if accounts.is_accepted(account, self._host):
            return await self._show(handshake, scheme, account, accounts)
        turn = accounts.turn(account, self._host)
        await self._wait_for_turn(handshake.request, turn)
        try:
            return await self._show(handshake, scheme, account, accounts)
        finally:
            turn.release()

    async def _show(
        self,
        handshake: Handshake,
        scheme: Scheme,
        account: AccountPassword,
        accounts: ShownAccounts,
    ) -> aiohttp.ClientResponse:
        """Show an account, unless it was refused already."""
        if account == self._refused:
            raise self._refusal(handshake.request, scheme, account)
        refused_by = accounts.refused_by(account, self._host)
        if refused_by:
            raise self._not_shown(handshake.request, account, refused_by)
        try:
            response = await handshake.run(scheme, account)
        except WrongPasswordError:
            self._note_refusal(account, accounts)
            raise self._refusal(handshake.request, scheme, account) from None
        except ContextError:
            if not handshake.has_answered_challenge:
                raise
            # It was shown, and the server's last token is no success.
            self._note_refusal(account, accounts)
            raise self._refusal(handshake.request, scheme, account) from None
        except (TransferError, asyncio.CancelledError):
            self._unanswered += handshake.has_answered_challenge
            if self._unanswered >= MAX_UNANSWERED:
                self._refused = account
            raise
        if response.status == UNAUTHORIZED:
            self._note_refusal(account, accounts)
        elif _tells_of_login(response.status):
            accounts.accepted(account, self._host)
        if _tells_of_login(response.status):
            self._unanswered = 0
        return response

    def _note_refusal(self, account: AccountPassword, accounts: ShownAccounts) -> None:
        self._refused = account
        accounts.refused(account, self._host)

    def _scheme(self, request: str, response: aiohttp.ClientResponse, *, is_shared: bool) -> Scheme:
        """The best scheme that the server offers.

        Raises:
            AuthError: It offers none of ours, or what stands before it mixes up connections.
        """
        offered = offers_of(response.headers)
        support = response.headers.get("Proxy-Support", "").strip().lower()
        found = next((each for each in self._schemes if each in offered), None)
        if found and not (is_shared and support != "session-based-authentication"):
            return found
        response.close()
        if found:
            raise self._error(
                f"{request}: the proxy does not say that it keeps the connections of clients apart,"
                f" which {found} needs",
                "Reach this server without the proxy (NO_PROXY), or by https.",
            )
        raise self._error(
            f"{request}: the server offers {' and '.join(offered) or 'no login'}, and not"
            f" {' or '.join(self._schemes)}",
            "Switch Windows authentication on at the server, or set another authentication for"
            " this endpoint; basic sends the password itself.",
        )

    def _refusal(self, request: str, scheme: Scheme, account: AccountPassword | None) -> AuthError:
        if account is None:
            return self._error(
                f"{request}: the server does not accept the login of this process ({scheme})",
                "Name an account that may read there, with user and password_file of this"
                " endpoint, or allow this one.",
            )
        return self._error(
            f"{request}: the server does not accept the user {account.user} ({scheme})",
            "Correct user (DOMAIN\\USER or USER@REALM) and password of this endpoint, or allow this"
            " user to read there. The same password is not shown again, for that could lock the"
            " account.",
        )

    def _not_shown(self, request: str, account: AccountPassword, refused_by: str) -> AuthError:
        return self._error(
            f"{request}: the user {account.user} is not shown to this server, as {refused_by} did"
            " not accept the same password",
            "Correct user (DOMAIN\\USER or USER@REALM) and password of both endpoints, or allow"
            f" this user to read at {refused_by}. Another wrong attempt could lock the account.",
        )

    def _nothing_to_show(self, request: str, scheme: Scheme, reasons: list[str]) -> AuthError:
        return self._error(
            f"{request}: the server wants a login ({scheme}), and there is none:"
            f" {'; '.join(reasons)}",
            "Name an account with user and password_file of this endpoint.",
        )

    def _error(self, what: str, remedy: str) -> AuthError:
        return AuthError(what, fault=Fault.AUTH, endpoint=self._endpoint, remedy=remedy)


def _tells_of_login(status: int) -> bool:
    """Whether a server that answers so has looked at the login."""
    return status < 500 and status not in _TELLS_NOTHING
