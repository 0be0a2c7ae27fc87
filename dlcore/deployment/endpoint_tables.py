"""The ``[[endpoint]]`` tables of a deployment file, as settings that can be used as they stand.

Guarantees: each endpoint has a name of its own and exactly the keys that its kind takes; paths
are absolute; no credential stands in the file, in a key or in a URL; none would travel in the
clear. Nothing is opened here, not even the files that are named.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path, PureWindowsPath
from urllib.parse import urlsplit

import msgspec

from dlcore import endpoint_rules
from dlcore.deployment import toml_tables as tables
from dlcore.deployment.problems import Problems
from dlcore.deployment.rates import with_rates
from dlcore.deployment.web_tables import (
    CERTIFICATE_KEYS,
    LOGIN_KEYS,
    PROXY_KEYS,
    SECRETS,
    needs_tls,
    read_web,
)
from dlcore.errors import ConfigError
from dlcore.model import (
    BUCKET_SCHEMES,
    Authentication,
    EndpointKind,
    EndpointSettings,
    is_folder_place,
)

_COMMON = ("name", "kind", "connections", "cost", "cap_bytes_per_s")
_WEB = (*_COMMON, "url", "ca_file", *CERTIFICATE_KEYS, *PROXY_KEYS)
_FOLDER = (*_COMMON, "path")
_POINT = (*_WEB, *LOGIN_KEYS, "token_file", "token_env")
KEYS = {
    EndpointKind.CMG: (*_WEB, "token_file", "token_env", "content_hosts", "serves_content"),
    EndpointKind.CLOUD_DP: (*_WEB, "token_file", "token_env", "content_hosts"),
    EndpointKind.BLOB: (*_WEB, "sas_file", "sas_env"),
    EndpointKind.DP: _POINT,
    EndpointKind.HTTP: (*_WEB, *LOGIN_KEYS),
    EndpointKind.FILE: _FOLDER,
    EndpointKind.BUCKET: (*_COMMON, "url", "ca_file"),
    EndpointKind.CONTENT_LIBRARY: (*_POINT, "path"),  # either `_POINT` or `_FOLDER`
}
_PATHS = ("token_file", "sas_file", "ca_file")
_SECRETS = ("token", "sas", *SECRETS)
_CREDENTIALS = ("token", "sas", "token_file", "token_env", "sas_file", "sas_env")
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|[0-9A-Fa-f:.]+", re.ASCII)
_UNSAFE = re.compile(r"[^\x21-\x7e]")


class _Head(msgspec.Struct, frozen=True):
    """The keys that say how the others are read."""

    name: str
    kind: EndpointKind


def read_endpoints(value: object, path: Path, connections: int) -> tuple[EndpointSettings, ...]:
    """Make settings of the ``[[endpoint]]`` tables, in their order.

    Args:
        value: What the file holds below ``endpoint``.
        path: The file.
        connections: What an endpoint gets that does not say how many.

    Raises:
        ConfigError: Settings cannot be used, or endpoints share a name: all of that.
    """
    if not isinstance(value, list):
        raise ConfigError(
            f"{path}: endpoint is not a list of tables",
            remedy="Write [[endpoint]], with two brackets, above each endpoint.",
        )
    problems = Problems()
    endpoints: list[EndpointSettings] = []
    for number, table in enumerate(value, 1):
        with problems:
            endpoints.append(_read_endpoint(table, path, number, connections))
    for name, count in Counter(endpoint.name for endpoint in endpoints).items():
        if count > 1:
            problems.add(
                f'{path}: {count} endpoints are named "{name}"',
                "Give each its own name: reports and errors speak of endpoints by name.",
            )
    problems.refuse()
    return tuple(endpoints)


def resolve(path: Path, text: str) -> str:
    """A path in the file as an absolute one; a drive or UNC path is absolute on any system."""
    return text if PureWindowsPath(text).is_absolute() else str(path.parent / text)


def is_protected(endpoint: EndpointSettings) -> bool:
    """Whether what travels cannot be read or altered on the way: TLS, or never off this machine."""
    if endpoint.is_folder or endpoint.kind is EndpointKind.BUCKET:  # a bucket refuses all else
        return True
    try:
        parts = urlsplit(endpoint.url)
    except ValueError:  # such an endpoint is refused; until then nothing may be said for it
        return False
    return endpoint_rules.is_protected(parts.scheme, parts.hostname or "")


def _read_endpoint(value: object, path: Path, number: int, connections: int) -> EndpointSettings:
    """One endpoint; until its name is known messages call it by its place in the file."""
    where = f"{path}: endpoint {number}"
    written = tables.as_table(value, where)
    named = {key: written[key] for key in ("name", "kind") if key in written}
    head = tables.build(_Head, named, where)
    where = f'{path}: endpoint "{head.name}"'
    problems = Problems()
    table = _without_secrets(written, where, problems)
    table = with_rates(table, ("cap_bytes_per_s",), where, problems)
    known = KEYS[head.kind]
    if head.kind is EndpointKind.CONTENT_LIBRARY:
        known = _POINT if "url" in table else _FOLDER
    table = tables.only_known(table, known, f"{where} of kind {head.kind}", problems)
    key = "path" if "path" in known else "url"
    place = table.pop(key, None)
    if not isinstance(place, str) or not place:
        problems.add(
            f"{where}: {key} is missing or not a string",
            f'An endpoint of kind {head.kind} needs {key} = "...".',
        )
        place = ""
    if key == "path" and not is_folder_place(head.kind, place):
        problems.add(f"{where}: path is a URL", 'Name a library on a web server with url = "...".')
    table = {"connections": connections, **table, "url": place}
    table, web = read_web(table, where, lambda text: resolve(path, text), problems)
    values = tables.values_of(EndpointSettings, table, where, problems)
    endpoint = EndpointSettings(**values, web=web)
    if key == "url":
        _check_web(endpoint, written, where, problems)
    problems.refuse()
    return _with_paths(endpoint, path)


def _check_web(
    endpoint: EndpointSettings, written: tables.Table, where: str, problems: Problems
) -> None:
    """Check what only endpoints with a URL have; not what depends on a value that was refused."""
    is_url_right = False
    with problems:
        if endpoint.url:
            _check_url(endpoint, where)
        is_url_right = True
    if is_url_right and all(getattr(endpoint, key, "") for key in _CREDENTIALS if key in written):
        with problems:
            _check_credentials(endpoint, where)
    with problems:
        _check_content_hosts(endpoint, where)


def _with_paths(endpoint: EndpointSettings, path: Path) -> EndpointSettings:
    """The endpoint with its paths made absolute."""
    keys = ("url",) if endpoint.is_folder else _PATHS
    named = {key: getattr(endpoint, key) for key in keys}
    return msgspec.structs.replace(
        endpoint, **{key: resolve(path, text) for key, text in named.items() if text}
    )


def _without_secrets(table: tables.Table, where: str, problems: Problems) -> tables.Table:
    """Refuse a credential in the file itself, which is copied, mailed and committed."""
    for key in _SECRETS:
        if key in table:
            problems.add(
                f"{where}: {key} would put a secret into this file",
                "Put it into a file that only dlcore's user can read and name that with"
                f" {key}_file, or into an environment variable and name that with {key}_env.",
            )
    return {key: value for key, value in table.items() if key not in _SECRETS}


def _check_url(endpoint: EndpointSettings, where: str) -> None:
    """Refuse what is not the bare address of a site or container; the URL is never repeated."""
    is_bucket = endpoint.kind is EndpointKind.BUCKET
    schemes = BUCKET_SCHEMES if is_bucket else frozenset({"http", "https"})
    try:
        parts = urlsplit(endpoint.url)
        is_web = parts.scheme in schemes and bool(parts.hostname)
        _ = parts.port  # a port out of range shows only here
    except ValueError:
        is_web = False
    if not is_web or _UNSAFE.search(endpoint.url):
        what = "the URL of a bucket" if is_bucket else "an http or https URL"
        example = "s3://bucket/site" if is_bucket else "https://cmg1.contoso.com"
        raise ConfigError(
            f"{where}.url: not {what}",
            remedy=f'Write it as in "{example}", special characters quoted as %XX.',
        )
    if "@" in parts.netloc:
        raise ConfigError(
            f"{where}.url: a user name may hold a secret, and is not used",
            remedy="Leave the user out of the URL, and put the name into user.",
        )
    endpoint_rules.check_base_url(endpoint.url, f"{where}.url")


def _check_credentials(endpoint: EndpointSettings, where: str) -> None:
    """Refuse a credential that is missing, named twice or sent where others can read it."""
    prefix = "sas" if endpoint.kind is EndpointKind.BLOB else "token"
    named = [key for key in (f"{prefix}_file", f"{prefix}_env") if getattr(endpoint, key)]
    if len(named) == 2:
        raise ConfigError(
            f"{where}: has both {named[0]} and {named[1]}", remedy="Leave out one of them."
        )
    endpoint_rules.check_registration_token(endpoint, where)
    if (named or needs_tls(endpoint.web)) and not is_protected(endpoint):
        is_basic = endpoint.web.authentication is Authentication.BASIC
        raise ConfigError(
            f"{where}: its credential would travel without TLS, where others can read it",
            remedy="Use an https URL."
            + (
                ""
                if is_basic
                else " Windows authentication may do without: logs_in_without_tls = true."
            ),
        )


def _check_content_hosts(endpoint: EndpointSettings, where: str) -> None:
    """Refuse what is not the name of a host: a pattern that never matches would not help."""
    for host in endpoint.content_hosts:
        if not _HOST.fullmatch(host):
            raise ConfigError(
                f"{where}.content_hosts: not the name of a host, or * and a dot before one",
                remedy='Write it as in ["storage.contoso.com", "*.blob.core.windows.net"].',
            )
