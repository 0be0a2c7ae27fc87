"""What the settings of an endpoint must keep to, wherever they come from.

A deployment file is checked before anything is opened, and an endpoint of a program or a command
line when it is opened: by the same rules, in the same words. Pure.
"""

from __future__ import annotations

import functools
import ipaddress

from dlcore.errors import ConfigError
from dlcore.model import EndpointKind, EndpointSettings, WebAccess

_WITH_TOKEN = frozenset({EndpointKind.CMG, EndpointKind.CLOUD_DP})


def is_protected(scheme: str, host: str) -> bool:
    """Whether what travels cannot be read or altered on the way: TLS, or never off this machine."""
    return scheme == "https" or is_loopback(host)


@functools.lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Whether the host can only be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_base_url(url: str, where: str) -> None:
    """Refuse what may hold a secret behind a base URL; the URL is not repeated.

    Raises:
        ConfigError: It has a query or a fragment.
    """
    if "?" in url or "#" in url:
        raise ConfigError(
            f"{where}: the URL has a query or fragment, which may hold a secret",
            remedy="End the URL before ? or #. A shared access signature belongs into a file that"
            " sas_file names (on the command line --sas-file), or into an environment variable.",
        )


def check_registration_token(endpoint: EndpointSettings, where: str) -> None:
    """Refuse a gateway that nothing is shown to.

    Raises:
        ConfigError: It needs a registration token, and none is named.
    """
    if endpoint.kind in _WITH_TOKEN and not (endpoint.token_file or endpoint.token_env):
        raise ConfigError(
            f"{where}: has no registration token, which a {endpoint.kind} needs",
            remedy="Name the file that holds it with token_file, or the variable with token_env.",
        )


def check_client_key(web: WebAccess, where: str) -> None:
    """Refuse a private key without its certificate.

    Raises:
        ConfigError: Only the key is named.
    """
    if web.client_key and not web.client_cert:
        raise ConfigError(
            f"{where}: has client_key, but no client_cert",
            remedy="Name the file of the certificate as well, with client_cert.",
        )
