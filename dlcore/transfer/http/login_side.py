"""Who wants a login for a connection: a server (401), or a proxy on the way to it (407).

Both do the same with other header fields, and a person mends it in another place.

Source: RFC 9110, sections 11.6 and 11.7; RFC 4559, section 6, for what a proxy must not mix up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dlcore.errors import AuthError, Fault, ProxyAuthError, TransferError


@dataclass(frozen=True, slots=True)
class LoginSide:
    """One of the two.

    Attributes:
        who: What it is called in messages.
        status: How it asks for a login.
        challenge_field: Where it says how.
        credential_field: Where this client answers.
        settings: The settings that name the account.
        is_proxy: Whether it is the proxy.
    """

    who: str
    status: int
    challenge_field: str
    credential_field: str
    settings: str
    is_proxy: bool = False

    def error(self, endpoint: str, what: str, remedy: str) -> TransferError:
        """The error for a login that failed there.

        Args:
            endpoint: Name of the endpoint.
            what: What happened.
            remedy: What to do.
        """
        if self.is_proxy:
            return ProxyAuthError(what, fault=Fault.PROXY, endpoint=endpoint, remedy=remedy)
        return AuthError(what, fault=Fault.AUTH, endpoint=endpoint, remedy=remedy)


SERVER: Final = LoginSide(
    who="the server",
    status=401,
    challenge_field="WWW-Authenticate",
    credential_field="Authorization",
    settings="user and password_file of this endpoint",
)


def proxy_side(url: str) -> LoginSide:
    """The side of a proxy.

    Args:
        url: Its URL, without a user.
    """
    return LoginSide(
        who=f"the proxy {url}",
        status=407,
        challenge_field="Proxy-Authenticate",
        credential_field="Proxy-Authorization",
        settings=(
            "the user in the URL of the proxy (http://DOMAIN%5CUSER@HOST) and proxy_password_file"
        ),
        is_proxy=True,
    )
