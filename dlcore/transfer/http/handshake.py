"""One login by Negotiate or NTLM at one connection: token, challenge, token.

Guarantees: all of it but the first token goes over one connection, to which it is bound if that is
protected by TLS. It ends after `MAX_STEPS` tokens. Whether the server has accepted the login is for
the caller to see: the response is a 401 (of a proxy 407) or another one.

Source: RFC 4559, section 5; MS-NTHT, section 1.3.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from typing import Final, Generic, Protocol, TypeVar

from multidict import CIMultiDictProxy

from dlcore.abandonable import TooManyHangError
from dlcore.errors import TransferError
from dlcore.transfer.http.auth_challenges import credential_of, offered_schemes, token_of
from dlcore.transfer.http.channel_binding import server_end_point
from dlcore.transfer.http.faults import NETWORK_ERRORS
from dlcore.transfer.http.login_side import LoginSide
from dlcore.transfer.http.pinned_connections import ConnectionPin
from dlcore.transfer.http.presented_accounts import PresentedAccounts
from dlcore.transfer.http.security_contexts import (
    AccountPassword,
    ContextError,
    DomainSilentError,
    MakeContext,
    Scheme,
    SecurityContext,
)
from dlcore.transfer.policy import TransferPolicy

T = TypeVar("T")


class Body(Protocol):
    """What follows the headers of an answer."""

    async def readany(self) -> bytes:
        """Some bytes of it; empty at its end."""


class LoginResponse(Protocol):
    """What a login needs of a response; that of aiohttp has it."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """Untrusted."""

    @property
    def content(self) -> Body:
        """What follows them."""

    def close(self) -> None:
        """Read no more of it. If it is not at its end, this costs the connection."""


R = TypeVar("R", bound=LoginResponse)

Send = Callable[[Mapping[str, str]], Awaitable[R]]
"""Sends the request with these header fields as well; raises `TransferError`."""

MAX_STEPS: Final = 5
"""Tokens that this client sends in one handshake. NTLM takes two, Kerberos one or two."""


class Handshake(Generic[R]):
    """A request that needs a login.

    Args:
        side: The server or proxy that wants it.
        endpoint: Name of the endpoint, for errors.
        request: Method and redacted URL, for errors.
        host: The host that the login is for.
        pin: The connection.
        send: Sends the request over the connection.
        accounts: What other servers have said of accounts.
        make_context: Makes the tokens.
        threads: Where that is done.
        policy: Times and limits.

    Attributes:
        side: Who wants the login.
        endpoint: Name of the endpoint, for errors.
        request: Method and redacted URL, for errors.
        pin: The connection.
        accounts: What other servers have said of accounts.
        has_answered_challenge: Whether a token was sent that proves the password.
    """

    def __init__(
        self,
        side: LoginSide,
        endpoint: str,
        request: str,
        host: str,
        pin: ConnectionPin,
        send: Send[R],
        accounts: PresentedAccounts,
        make_context: MakeContext,
        threads: Executor,
        policy: TransferPolicy,
    ) -> None:
        self.side = side
        self.endpoint = endpoint
        self.request = request
        self.pin = pin
        self.accounts = accounts
        self.has_answered_challenge = False
        self._host = host
        self._send = send
        self._make_context = make_context
        self._threads = threads
        self._policy = policy

    async def without_login(self) -> R:
        """Send the request as it is.

        Raises:
            TransferError: What ``send`` raised.
        """
        return await self._send({})

    async def run(self, scheme: Scheme, account: AccountPassword | None) -> R:
        """Log in, and send the request.

        Args:
            scheme: What the server offers.
            account: Who logs in; None for whoever this process runs as.

        Returns:
            The response; a 401 (of a proxy 407) if the login is not accepted.

        Raises:
            ContextError: There is nothing to log in with.
            AuthError: It does not end, or the server cannot prove that it knows the login.
            ProxyAuthError: It does not end, or the proxy cannot prove that it knows the login.
            TransferError: What ``send`` raised.
        """
        self.has_answered_challenge = False
        try:
            response = await self._exchange_tokens(scheme, account)
        except BaseException:
            self.pin.break_off()
            raise
        self.pin.end(is_authenticated=response.status != self.side.status)
        return response

    async def drain(self, response: R) -> None:
        """Read the page of a refusal to its end, so that its connection goes on with the login."""
        left_bytes = self._policy.max_drained_bytes
        with contextlib.suppress(*NETWORK_ERRORS):
            async with asyncio.timeout(self._policy.stall_s):
                while left_bytes > 0 and (data := await response.content.readany()):
                    left_bytes -= len(data)
        response.close()

    async def _exchange_tokens(self, scheme: Scheme, account: AccountPassword | None) -> R:
        certificate = self.pin.certificate
        binding = server_end_point(certificate) if certificate else None
        context = await self._in_time(self._make_context, scheme, self._host, account, binding)
        token = await self._in_time(context.step, None)
        for _ in range(MAX_STEPS):
            if not token:
                raise ContextError("there is nothing more to show")
            response = await self._send({self.side.credential_field: credential_of(scheme, token)})
            challenge = self._challenge(response, scheme)
            if response.status != self.side.status:
                await self._check_server(response, context, challenge)
                return response
            if challenge is None:
                return response
            await self.drain(response)
            self.pin.begin()
            token = await self._in_time(context.step, challenge)
            self.has_answered_challenge |= bool(token)
        raise self._went_wrong(f"the login does not end: {MAX_STEPS} tokens were sent")

    async def _check_server(
        self, response: R, context: SecurityContext, token: bytes | None
    ) -> None:
        """With its last token, the server proves that it knows the login as well."""
        if token is None:
            return
        try:
            await self._in_time(context.step, token)
        except ContextError:
            response.close()
        else:
            return
        raise self._went_wrong(f"{self.side.who} cannot prove that it belongs to the domain")

    def _challenge(self, response: R, scheme: Scheme) -> bytes | None:
        """The server's token; None if it sends none, or one that cannot be read."""
        offered = offered_schemes(response.headers.getall(self.side.challenge_field, []))
        return token_of(offered.get(scheme.lower(), ""))

    async def _in_time(self, function: Callable[..., T], *arguments: object) -> T:
        """Run what may ask a domain controller in a thread, which is left behind if that hangs."""
        run = functools.partial(function, *arguments)
        try:
            async with asyncio.timeout(self._policy.stall_s):
                return await asyncio.get_running_loop().run_in_executor(self._threads, run)
        except (TimeoutError, TooManyHangError):
            raise DomainSilentError("no domain controller answers in time") from None

    def error(self, what: str, remedy: str) -> TransferError:
        """The error for a login that failed; arguments as of `LoginSide.error`."""
        return self.side.error(self.endpoint, f"{self.request}: {what}", remedy)

    def _went_wrong(self, what: str) -> TransferError:
        remedy = f"Check the Windows authentication of {self.side.who}, and what stands before it."
        return self.error(what, remedy)
