"""Who is presented to a server or a proxy that wants a login by Negotiate or NTLM, and when.

A request is first sent as it is. If it is answered 401 (by a proxy 407), the handshake follows. It
presents this process's own login, if there is one; if the server does not accept that, the account
that the settings name.

Guarantees:

* Nothing is presented to a server that offers neither scheme, nor to another origin.
* An account that was not accepted yet is presented on one connection, and all others wait, also
  those to other servers (`presented_accounts`). If it is refused, it is not presented again until
  its password is another one: wrong passwords lock an account. Where passwords change while
  connections are opened, each of these may show the old one once.
* A server that wants a login for each request gets the first token along with each from then on.

Source: RFC 9110, section 15.5.2: a 401 after a login is its refusal; RFC 4559, section 6; MS-N2HT,
section 2.2, ``Persistent-Auth``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from dlcore.abandonable import AbandonableThreads
from dlcore.errors import TransferError
from dlcore.transfer.http import login_faults
from dlcore.transfer.http.auth_challenges import offers_of
from dlcore.transfer.http.handshake import Handshake, R, Send
from dlcore.transfer.http.login_side import SERVER, LoginSide
from dlcore.transfer.http.pinned_connections import ConnectionPin, ConnectionPins, holding
from dlcore.transfer.http.presented_accounts import PresentedAccounts
from dlcore.transfer.http.security_contexts import (
    AccountPassword,
    ContextError,
    MakeContext,
    Scheme,
    WrongPasswordError,
)
from dlcore.transfer.http.tls import Origin
from dlcore.transfer.policy import TransferPolicy

FindAccount = Callable[[], Awaitable[AccountPassword | None]]
"""Reads the account that the settings name; None if they name none."""

MAX_REPEATED: Final = 2
"""A server that asks again this often, though the connection is logged in, wants a login for each
request."""

MAX_UNANSWERED: Final = 2
"""How often an account is presented without an answer: the connection breaks, or nobody waits for
it any more. The server may have asked the domain about the password nevertheless."""

_TELLS_NOTHING: Final = frozenset({400, 408, 429})
"""Besides 500 and more: a server answers so before it has looked at a login."""


class _Accepted(msgspec.Struct, frozen=True):
    """Who was accepted, and by which scheme."""

    scheme: Scheme
    account: AccountPassword | None


class ConnectionLogin:
    """For one origin: a server or a proxy.

    Args:
        origin: The only server that anything is presented to.
        schemes: What may be used, the best first.
        find_account: Reads the account that the settings name.
        make_context: Makes the tokens.
        policy: Times and limits.
        side: Whether it is a server or a proxy.

    Attributes:
        origin: The only server that anything is shown to.
        side: Whether it is a server or a proxy.
    """

    def __init__(
        self,
        origin: Origin,
        schemes: tuple[Scheme, ...],
        find_account: FindAccount,
        make_context: MakeContext,
        policy: TransferPolicy,
        side: LoginSide = SERVER,
    ) -> None:
        self.origin = origin
        self.side = side
        self._host = origin[1]
        self._schemes = schemes
        self._find_account = find_account
        self._make_context = make_context
        self._policy = policy
        self._threads = AbandonableThreads(policy.max_login_threads)
        self._pins = ConnectionPins()
        self._alone = asyncio.Lock()
        self._accepted: _Accepted | None = None
        self._refused: AccountPassword | None = None
        self._unanswered = 0
        self._repeated = 0  # logins in succession at connections that had one already
        self._is_for_each_request = False

    async def send(
        self,
        endpoint: str,
        request: str,
        send: Send[R],
        accounts: PresentedAccounts,
        *,
        is_shared: bool,
        pin: ConnectionPin | None = None,
    ) -> tuple[R, Callable[[], None]]:
        """Send a request, and log in if the server wants that.

        Args:
            endpoint: Name of the endpoint, for errors.
            request: Method and redacted URL, for errors.
            send: Sends it.
            accounts: What other servers have said of accounts.
            is_shared: Whether a proxy may send requests of several clients over one connection.
            pin: The connection, if ``send`` keeps to one by itself; None: one is taken.

        Returns:
            The response, and what to call when its connection is not used any more.

        Raises:
            AuthError: The server does not accept this client.
            ProxyAuthError: The proxy does not.
            TransferError: What ``send`` raised.
            ConfigError: The account cannot be read, or pyspnego is not installed.
        """
        taken = pin or self._pins.take()
        handshake = Handshake(
            side=self.side,
            endpoint=endpoint,
            request=request,
            host=self._host,
            pin=taken,
            send=send,
            accounts=accounts,
            make_context=self._make_context,
            threads=self._threads,
            policy=self._policy,
        )
        if pin:
            return await self._response(handshake, is_shared=is_shared), _nothing
        try:
            with holding(taken):
                response = await self._response(handshake, is_shared=is_shared)
        except BaseException:
            self._pins.give_back(taken)
            raise
        return response, lambda: self._pins.give_back(taken)

    async def _response(self, handshake: Handshake[R], *, is_shared: bool) -> R:
        accepted = self._accepted
        # Over TLS the first token is tied to the server's certificate (`channel_binding`). That is
        # not known before the connection is open, so the first request there goes without a login.
        can_bind = self.origin[0] == "http" or handshake.pin.certificate is not None
        if self._is_for_each_request and accepted and can_bind:
            return await self._log_in(handshake, accepted.scheme)
        response = await handshake.without_login()
        was_authenticated = handshake.pin.is_authenticated
        if response.status != self.side.status:
            if was_authenticated:
                self._repeated = 0
            return response
        scheme = self._scheme(handshake, response, is_shared=is_shared)
        await handshake.drain(response)
        response = await self._log_in(handshake, scheme)
        keeps = response.headers.get("Persistent-Auth", "").strip().lower()
        if was_authenticated:
            self._repeated += 1
        self._is_for_each_request |= self._repeated >= MAX_REPEATED or keeps == "false"
        return response

    async def _log_in(self, handshake: Handshake[R], scheme: Scheme) -> R:
        if self._accepted is None:
            await self._wait_for_turn(handshake, self._alone)
            try:
                if self._accepted is None:
                    return await self._try_all(handshake, scheme)
            finally:
                self._alone.release()
        account = self._accepted.account
        try:
            response = await handshake.run(scheme, account)
        except ContextError as error:
            self._accepted = None
            raise login_faults.nothing_to_show(handshake, scheme, [error]) from None
        if response.status != self.side.status:
            return response
        response.close()
        self._accepted = None
        if account:
            handshake.accounts.doubted(account, self._host)
        raise login_faults.not_accepted(handshake, scheme, account)

    async def _wait_for_turn(self, handshake: Handshake[R], turn: asyncio.Lock) -> None:
        """Wait for the login under way, but not for those of all others that wait for it."""
        try:
            async with asyncio.timeout(self._policy.stall_s):
                await turn.acquire()
        except TimeoutError:
            is_here = turn is self._alone
            where = f"at {self.side.who}" if is_here else "of this user at another server"
            raise login_faults.turn_not_come(handshake, where, self._policy.stall_s) from None

    async def _try_all(self, handshake: Handshake[R], scheme: Scheme) -> R:
        """Show who this process runs as, then the named account, until one is accepted."""
        reasons: list[ContextError] = []
        refusal: TransferError | None = None
        named = await self._find_account()
        for account in (None, named) if named else (None,):
            try:
                response = await self._try(handshake, scheme, account)
            except ContextError as error:
                reasons.append(error)
                continue
            if response.status != self.side.status:
                if _tells_of_login(response.status):
                    self._accepted = _Accepted(scheme, account)
                return response
            response.close()
            refusal = login_faults.not_accepted(handshake, scheme, account)
        raise refusal or login_faults.nothing_to_show(handshake, scheme, reasons)

    async def _try(
        self, handshake: Handshake[R], scheme: Scheme, account: AccountPassword | None
    ) -> R:
        """Show an account that this server has not accepted yet, while no other server sees it."""
        if account is None:
            return await handshake.run(scheme, None)
        if handshake.accounts.is_accepted(account, self._host):
            return await self._show(handshake, scheme, account)
        turn = handshake.accounts.turn(account, self._host)
        await self._wait_for_turn(handshake, turn)
        try:
            return await self._show(handshake, scheme, account)
        finally:
            turn.release()

    async def _show(self, handshake: Handshake[R], scheme: Scheme, account: AccountPassword) -> R:
        """Show an account, unless it was refused already."""
        if account == self._refused:
            raise login_faults.not_accepted(handshake, scheme, account)
        refused_by = handshake.accounts.refused_by(account, self._host)
        if refused_by:
            raise login_faults.not_presented(handshake, account, refused_by)
        try:
            response = await handshake.run(scheme, account)
        except ContextError as error:
            # If it was presented, the server's last token does not mean that the login succeeded.
            if not (isinstance(error, WrongPasswordError) or handshake.has_answered_challenge):
                raise
            self._note_refusal(handshake, account)
            raise login_faults.not_accepted(handshake, scheme, account) from None
        except (TransferError, asyncio.CancelledError):
            if handshake.has_answered_challenge:
                self._unanswered += 1
            if self._unanswered >= MAX_UNANSWERED:
                self._refused = account
            raise
        if response.status == self.side.status:
            self._note_refusal(handshake, account)
        elif _tells_of_login(response.status):
            handshake.accounts.accepted(account, self._host)
        if _tells_of_login(response.status):
            self._unanswered = 0
        return response

    def _note_refusal(self, handshake: Handshake[R], account: AccountPassword) -> None:
        self._refused = account
        handshake.accounts.refused(account, self._host)

    def _scheme(self, handshake: Handshake[R], response: R, *, is_shared: bool) -> Scheme:
        """The best scheme that the server offers.

        Raises:
            AuthError: It offers none of ours, or what stands before it mixes up connections.
            ProxyAuthError: The proxy offers none of ours.
        """
        offered = offers_of(response.headers, self.side.challenge_field)
        support = response.headers.get("Proxy-Support", "").strip().lower()
        found = next((each for each in self._schemes if each in offered), None)
        if found and not (is_shared and support != "session-based-authentication"):
            return found
        response.close()
        if found:
            raise login_faults.not_kept_apart(handshake, found)
        raise login_faults.not_offered(handshake, offered, self._schemes)


def _nothing() -> None:
    """What there is to do for a connection that its owner gives back."""


def _tells_of_login(status: int) -> bool:
    """Whether a server that answers so has looked at the login."""
    return status < 500 and status not in _TELLS_NOTHING
