"""What opens the servers that a user names, and which of them is shown what.

Guarantees: what a user names for *the* server is shown to one origin, that of the first URL. A
password in a URL is refused: a command line is readable for every user of the machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from dlcore.engine.time_limit import checked_timeout_s
from dlcore.errors import ConfigError
from dlcore.model import EndpointKind, EndpointSettings, WebAccess
from dlcore.transfer import Keyring, TransferPolicy, redact, users_of, without_user

PASSWORD_ENV: Final = "DLCORE_PASSWORD"  # noqa: S105  # the name of a variable


class Access(NamedTuple):
    """What opens endpoints that are named by a text; secrets only by where they lie.

    Attributes:
        token_file: File with the registration token of a CMG or cloud DP; empty: the environment
            variable ``DLCORE_TOKEN`` has the token.
        sas_file: File with the shared access signature of a blob endpoint; empty: the environment
            variable ``DLCORE_SAS`` has it, or the container is public.
        ca_file: PEM file of the certificate authorities to trust; empty for the system's.
        connections: The most connections to open to each endpoint, 1 to 256.
        web: What is shown to the server of what is fetched: the first URL that is named. Other
            servers are shown nothing, except logins by host (netrc) and the user in their own URL.
            If it names no password for a user, ``DLCORE_PASSWORD`` has it.
        max_file_bytes: The longest file at a URL to accept, whether or not its server tells its
            length; 0 for any.
        timeout_s: Seconds after which a server that brings nothing is given up, while a connection
            is made, an answer awaited or content received; None for the usual time.
    """

    token_file: str = ""
    sas_file: str = ""
    ca_file: str = ""
    connections: int = 256
    web: WebAccess = WebAccess()
    max_file_bytes: int = 0
    timeout_s: float | None = None

    @property
    def transfer_policy(self) -> TransferPolicy:
        """Times and limits of all connections that the call opens.

        Raises:
            ConfigError: The time limit is not above 0.
        """
        return TransferPolicy.giving_up_after(checked_timeout_s(self.timeout_s))


class NamedServers:
    """The servers of one call: which is shown what, and their URLs without users.

    Args:
        access: What is shown to the server of the first URL.
        named: What the user names, the most important first; only URLs count.

    Attributes:
        keyring: Opens the servers.

    Raises:
        ConfigError: A URL has a password, or the settings cannot be used.
    """

    def __init__(self, access: Access, named: Iterable[str | EndpointSettings]) -> None:
        urls = [url for item in named if isinstance(item, str) and (url := _web_url(item))]
        self._bare = {url: _without_user(url) for url in urls}
        users = users_of({bare: user for bare, user in self._bare.values() if user})
        own = self._bare[urls[0]][0] if urls else ""
        has_user = bool(urls and self._bare[urls[0]][1])
        web = _with_password(access.web, has_user=has_user)
        self.keyring = Keyring(
            web, own, ca_file=access.ca_file, users=users, policy=access.transfer_policy
        )

    def bare(self, url: str) -> str:
        """A named URL without its user; any other text as it is."""
        return self._bare[url][0] if url in self._bare else url


def _web_url(text: str) -> str:
    """The URL in the name of an endpoint; empty if it has none."""
    kind, plus, rest = text.partition("+")
    url = rest if plus and kind in list(EndpointKind) else text
    return url if url.lower().startswith(("http://", "https://")) else ""


def _without_user(url: str) -> tuple[str, str]:
    try:
        return without_user(url)
    except ValueError as error:
        raise ConfigError(
            f"{redact(url)} {error}, which others can read in the list of processes",
            remedy="Leave the password out of the URL. Put it into a file and name that with"
            f" --password-file, or into the environment variable {PASSWORD_ENV}; or use --netrc.",
        ) from None


def _with_password(web: WebAccess, *, has_user: bool) -> WebAccess:
    """The settings with the password of the environment, if a user needs one from there."""
    elsewhere = web.password_file or web.password_env or web.netrc_file or web.credential_command
    if elsewhere or not (has_user or web.user) or PASSWORD_ENV not in os.environ:
        return web
    return msgspec.structs.replace(web, password_env=PASSWORD_ENV)
