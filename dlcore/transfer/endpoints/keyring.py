"""Which server is shown what: one set of settings, and the servers that they are for.

Guarantees: headers, user, password, credential helper and client certificate are shown to one
origin only, the *own* one. A login by host (netrc) and the user in a URL count for their own host
or origin. All that one keyring opens at an origin shares one login, so that a helper is asked once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import msgspec
from yarl import URL

from dlcore.endpoint_rules import check_client_key
from dlcore.errors import ConfigError
from dlcore.model import WebAccess
from dlcore.transfer.endpoints.authorization import Authorization
from dlcore.transfer.endpoints.credentials import Secret, password_of, read_private
from dlcore.transfer.endpoints.netrc_file import netrc_entry
from dlcore.transfer.endpoints.proxy_script_source import is_script, proxy_script, systems_script
from dlcore.transfer.endpoints.windows_login import make_connection_login, proxy_authentication
from dlcore.transfer.http.addresses import Reach
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.connection_login import ConnectionLogin
from dlcore.transfer.http.pool import ConnectionPool
from dlcore.transfer.http.proxies import Proxies, Proxy, auto_config_url
from dlcore.transfer.http.security_contexts import MakeContext
from dlcore.transfer.http.tls import ClientCertificate, Origin
from dlcore.transfer.http.urls import exact_url, origin_of, without_user
from dlcore.transfer.interface import Observer, ignore
from dlcore.transfer.policy import TransferPolicy


class Keyring:
    """Knows what each web server is sent, and makes the clients that send it.

    Args:
        web: The settings.
        own: URL of the server that they are for; empty for none.
        ca_file: PEM file of the authorities to trust; empty for the system's store.
        users: The user at each further origin, as `users_of` tells them.
        name: What the settings belong to, for messages.
        policy: Times and limits of the connections that are opened here; None: as usual.
        make_context: Makes the tokens of Negotiate and NTLM; None: the system does.
        script_url: URL of the proxy script that the system's settings name; None: as they say.

    Attributes:
        policy: Times and limits of the connections that are opened here.

    Raises:
        ConfigError: The settings cannot be used.
    """

    def __init__(
        self,
        web: WebAccess | None = None,
        own: str = "",
        *,
        ca_file: str = "",
        users: Mapping[Origin, str] | None = None,
        name: str = "named by a URL",
        policy: TransferPolicy | None = None,
        make_context: MakeContext | None = None,
        script_url: str | None = None,
    ) -> None:
        self.ca_file = ca_file
        self.policy = policy or TransferPolicy()
        self._web = web or WebAccess()
        self._own = _origin(own)
        self._users = dict(users or {})
        self._proxies = self._open_proxies(name, script_url)
        self._proxy_authentication = proxy_authentication(self._web, make_context)
        self._certificate = _certificate(name, self._web, self._own)
        self._login = _make_connection_login(
            name, self.settings_for(own), own, self.policy, make_context
        )
        self._authorizations: dict[Origin, Authorization] = {}

    def settings_for(self, url: str) -> WebAccess:
        """What counts for the server of a URL."""
        origin = _origin(url)
        user = self._users.get(origin, "") if origin else ""
        if origin is not None and origin == self._own:
            return msgspec.structs.replace(self._web, user=user or self._web.user)
        web = self._web
        return WebAccess(
            user=user,
            netrc_file=web.netrc_file,
            proxy=web.proxy,
            proxy_authentication=web.proxy_authentication,
            proxy_password_file=web.proxy_password_file,
            proxy_password_env=web.proxy_password_env,
        )

    def authorization(
        self,
        endpoint: str,
        url: str,
        *,
        observer: Observer = ignore,
        token: Secret | None = None,
    ) -> Authorization:
        """What the server of a URL is shown with each request.

        Args:
            endpoint: Name of the endpoint that asks first.
            url: Absolute, http or https.
            observer: Told of each renewal of the login.
            token: Reads what a distribution point takes in place of a login; None for nothing.

        Raises:
            ConfigError: The settings cannot be used for this server.
        """
        target = exact_url(url)
        origin = origin_of(target)
        if origin not in self._authorizations:
            web = self.settings_for(url)
            self._authorizations[origin] = Authorization(
                endpoint, target, web, token=token, observer=observer
            )
        return self._authorizations[origin]

    def _open_proxies(self, name: str, script_url: str | None) -> Proxies:
        proxy = self._web.proxy
        if is_script(proxy):
            script = proxy_script(name, proxy, self.ca_file, self.policy)
            return Proxies(login=_proxy_login(name, self._web, ""), script=script)
        try:
            url, user = without_user(proxy)
        except ValueError as error:
            raise ConfigError(
                f"endpoint {name}: the URL of the proxy {error}, which others can read there",
                remedy="Put the password into a file, named with proxy_password_file.",
            ) from None
        login = _proxy_login(name, self._web, user)
        if url:
            return Proxies(url, login)
        found = auto_config_url() if script_url is None else script_url
        systems, unused = systems_script(found, self.ca_file, self.policy)
        return Proxies("", login, systems, is_systems=True, unused_script=unused)

    def client(
        self,
        endpoint: str,
        pool: ConnectionPool | None = None,
        *,
        reach: Reach = Reach.ANY,
        follows_redirects: bool = False,
        logs_in: bool = True,
    ) -> HttpClient:
        """A client for an endpoint.

        Args:
            endpoint: Name of the endpoint.
            pool: Shared with other endpoints; a new one if None.
            reach: Which addresses to connect to.
            follows_redirects: Whether redirects are followed.
            logs_in: Whether it may show the own server a certificate, and log in there by Negotiate
                or NTLM.

        Raises:
            ConfigError: A file of certificates cannot be used.
        """
        pool = pool or ConnectionPool(self.policy)
        if self.ca_file or self._certificate:
            pool.tls_context(self.ca_file, self._certificate)  # refuses a bad file now
        return HttpClient(
            endpoint,
            pool,
            ca_file=self.ca_file,
            reach=reach,
            follows_redirects=follows_redirects,
            certificate=self._certificate if logs_in else None,
            proxies=self._proxies,
            login=self._login if logs_in else None,
            proxy_authentication=self._proxy_authentication,
        )


def users_of(urls: Mapping[str, str]) -> dict[Origin, str]:
    """The user at each origin.

    Args:
        urls: The user of each URL.

    Raises:
        ConfigError: URLs of one server name several users.
    """
    users: dict[Origin, str] = {}
    for url, user in urls.items():
        origin = _origin(url)
        if origin and users.setdefault(origin, user) != user:
            raise ConfigError(
                f"the users {users[origin]} and {user} are both named for {origin[1]}",
                remedy="Fetch as one user at a time.",
            )
    return users


def _origin(url: str) -> Origin | None:
    """The origin of a URL; None if it cannot be asked, which other code refuses."""
    try:
        return origin_of(exact_url(url))
    except ValueError:
        return None


def _make_connection_login(
    name: str, web: WebAccess, own: str, policy: TransferPolicy, make_context: MakeContext | None
) -> ConnectionLogin | None:
    if _origin(own) is None:
        return None
    return make_connection_login(name, exact_url(own), web, policy, make_context)


def _certificate(name: str, web: WebAccess, own: Origin | None) -> ClientCertificate | None:
    check_client_key(web, f"endpoint {name}")
    if not web.client_cert:
        return None
    key = web.client_key or web.client_cert
    read_private(name, f"client_key {key}", key)
    passphrase = password_of(
        name,
        "client_key_passphrase",
        file=web.client_key_passphrase_file,
        env=web.client_key_passphrase_env,
    )
    return ClientCertificate(web.client_cert, key, own, passphrase) if own else None


def _proxy_login(name: str, web: WebAccess, user: str) -> Callable[[Proxy], tuple[str, str]]:
    """Tells user and password for a proxy whose URL has no password."""
    password = password_of(
        name,
        "proxy_password",
        file=web.proxy_password_file,
        env=web.proxy_password_env,
    )

    @functools.cache  # else files would be read for each request
    def login(proxy: Proxy) -> tuple[str, str]:
        who = proxy.user or user
        if password and who:
            return who, password()
        if web.netrc_file:
            host = URL(proxy.url).raw_host or ""
            entry = netrc_entry(name, web.netrc_file, host, who)
            if entry:
                return entry
        return who, ""

    return login
