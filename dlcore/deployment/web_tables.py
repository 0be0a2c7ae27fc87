"""What a web server is shown and the proxy on the way, as an ``[[endpoint]]`` table says it.

Guarantees: no secret stands in the file; each is named by where it lies, in one place only. Paths
are absolute. What would be refused when the endpoint is opened, and can be seen in the file, is
refused here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import msgspec

from dlcore.deployment import toml_tables as tables
from dlcore.deployment.problems import Problems
from dlcore.endpoint_rules import check_client_key
from dlcore.errors import ConfigError
from dlcore.model import Authentication, WebAccess

PROXY_KEYS: Final = (
    "proxy",
    "proxy_authentication",
    "proxy_password_file",
    "proxy_password_env",
)
CERTIFICATE_KEYS: Final = (
    "client_cert",
    "client_key",
    "client_key_passphrase_file",
    "client_key_passphrase_env",
)
LOGIN_KEYS: Final = (
    "authentication",
    "logs_in_without_tls",
    "user",
    "password_file",
    "password_env",
    "netrc_file",
    "credential_command",
    "headers",
)
SECRETS: Final = ("password", "client_key_passphrase", "proxy_password")
"""Keys that are refused, because they would put a secret into the file."""

_PATHS: Final = ("client_cert", "client_key", "netrc_file", *(f"{key}_file" for key in SECRETS))
_CREDENTIALS: Final = ("authorization", "cookie")


def read_web(
    table: tables.Table, where: str, resolve: Callable[[str], str], problems: Problems
) -> tuple[tables.Table, WebAccess]:
    """Take these keys out of an endpoint's table.

    Args:
        table: The endpoint's; only keys that its kind may have.
        where: File and endpoint, for messages.
        resolve: Makes a path absolute.
        problems: Hears what cannot be used.

    Returns:
        The rest of the table, and what the keys say.
    """
    names = {field.name for field in msgspec.structs.fields(WebAccess)}
    own = {key: table[key] for key in table if key in names}
    rest = {key: table[key] for key in table if key not in names}
    web = WebAccess(**tables.values_of(WebAccess, own, where, problems))
    for check in (_check_places, _check_headers, _check_proxy):
        with problems:
            check(web, where)
    named = {key: resolve(text) for key in _PATHS if (text := getattr(web, key))}
    headers = tuple(f"@{resolve(h[1:])}" if h.startswith("@") else h for h in web.headers)
    return rest, msgspec.structs.replace(web, headers=headers, **named)


def needs_tls(web: WebAccess) -> bool:
    """Whether a secret would be sent to the server itself, and not without TLS."""
    if any(text.startswith("@") for text in web.headers):
        return True
    if web.authentication is Authentication.BASIC:
        return bool(web.user or web.credential_command)
    return not web.logs_in_without_tls


def secret_variables(web: WebAccess) -> list[str]:
    """Names of the environment variables that hold these secrets."""
    named = (getattr(web, f"{key}_env") for key in SECRETS)
    return [name for name in named if name]


def _check_places(web: WebAccess, where: str) -> None:
    for key in SECRETS:
        if getattr(web, f"{key}_file") and getattr(web, f"{key}_env"):
            raise ConfigError(
                f"{where}: has both {key}_file and {key}_env", remedy="Leave out one of them."
            )
    if (web.password_file or web.password_env) and not web.user:
        raise ConfigError(f"{where}: has a password, but no user", remedy='Add user = "...".')
    check_client_key(web, where)


def _check_headers(web: WebAccess, where: str) -> None:
    for text in web.headers:
        name = text.partition(":")[0].strip().lower()
        if name in _CREDENTIALS:
            raise ConfigError(
                f"{where}.headers: {name} would put a secret into this file",
                remedy="Write the line into a file that only dlcore's user can read, and name that"
                ' as in headers = ["@header.txt"].',
            )


def _check_proxy(web: WebAccess, where: str) -> None:
    try:
        has_password = ":" in urlsplit(web.proxy).netloc.rpartition("@")[0]
    except ValueError:
        return  # refused when the endpoint is opened
    if has_password:
        raise ConfigError(
            f"{where}.proxy: would put a password into this file",
            remedy="Leave the user in the URL, and name the password's file with"
            " proxy_password_file.",
        )
