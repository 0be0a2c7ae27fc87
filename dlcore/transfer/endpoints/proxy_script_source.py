"""Where a proxy script is read from: a file, or a server that is reached by https.

Guarantees: nobody else could have written the script. A file that another ordinary user could alter
is refused, and so is plain http. A file that does not open holds up nothing but the script.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from dlcore.abandonable import AbandonableThreads, TooManyHangError
from dlcore.disk.ownership import check_unalterable
from dlcore.errors import ConfigError, DlcoreError
from dlcore.extras import require
from dlcore.file_urls import is_file_url, path_of_file_url
from dlcore.long_path import long_path
from dlcore.redaction import redact
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.pool import ConnectionPool
from dlcore.transfer.http.proxies import NO_PROXIES, Proxies
from dlcore.transfer.http.proxy_script import (
    MAX_RUN_S,
    MAX_SCRIPT_BYTES,
    ProxyScript,
    ProxyScriptError,
)
from dlcore.transfer.http.readers import read_document
from dlcore.transfer.http.urls import exact_url, is_protected
from dlcore.transfer.policy import TransferPolicy

PREFIX: Final = "pac+"
_FORMS: Final = "Write it as pac+https://HOST/proxy.pac or pac+file:///PATH/proxy.pac."


def is_script(proxy: str) -> bool:
    """Whether the setting names a script, and not a proxy."""
    return proxy[: len(PREFIX)].lower() == PREFIX


def check_proxy(proxy: str) -> None:
    """Refuse a setting that names neither a proxy nor a script; a script is not looked for yet.

    Args:
        proxy: The setting; empty for none.

    Raises:
        ConfigError: It does not.
    """
    if proxy and not is_script(proxy):
        Proxies(proxy)


def proxy_script(endpoint: str, proxy: str, ca_file: str, policy: TransferPolicy) -> ProxyScript:
    """The script that a setting names.

    Args:
        endpoint: Name of the endpoint, for errors.
        proxy: ``pac+`` and a URL.
        ca_file: PEM file of the authorities to trust for its server; empty for the system's.
        policy: Times and limits.

    Raises:
        ConfigError: It cannot be read from there, or what runs it is not installed.
    """
    try:
        return _script_at(proxy[len(PREFIX) :], ca_file, policy)
    except ConfigError as error:
        raise ConfigError(f"endpoint {endpoint}: {error.message}", remedy=error.remedy) from None


def systems_script(
    url: str, ca_file: str, policy: TransferPolicy
) -> tuple[ProxyScript | None, str]:
    """The script that the system's settings name, and why it cannot be used.

    Nobody has named it to dlcore, so it is not an error if it cannot be used.

    Args:
        url: Its URL; empty for none.
        ca_file: PEM file of the authorities to trust for its server; empty for the system's.
        policy: Times and limits.
    """
    if not url:
        return None, ""
    try:
        return _script_at(url, ca_file, policy), ""
    except ConfigError as error:
        return None, error.message


def _script_at(url: str, ca_file: str, policy: TransferPolicy) -> ProxyScript:
    require("pac")
    if is_file_url(url):
        path = Path(path_of_file_url(url))
        threads = AbandonableThreads(1)
        return ProxyScript(redact(url), lambda: _read_file(path, threads))
    try:
        is_fit = is_protected(exact_url(url))
    except ValueError as error:
        raise ConfigError(f"the URL of the proxy script {error}", remedy=_FORMS) from None
    if not is_fit:
        raise ConfigError(
            f"anyone on the way could replace the proxy script {redact(url)}, and redirect all"
            " requests",
            remedy=_FORMS,
        )
    return ProxyScript(redact(url), lambda: _read_url(url, ca_file, policy))


async def _read_file(path: Path, threads: AbandonableThreads) -> bytes:
    def read() -> bytes:
        place = long_path(path)
        check_unalterable(place)
        with place.open("rb") as file:
            return file.read(MAX_SCRIPT_BYTES + 1)

    try:
        async with asyncio.timeout(MAX_RUN_S):
            data = await asyncio.get_running_loop().run_in_executor(threads, read)
    except TimeoutError:
        raise ProxyScriptError(f"it cannot be read within {MAX_RUN_S:g} s") from None
    except TooManyHangError:
        raise ProxyScriptError("an earlier read of it still hangs") from None
    except OSError as error:
        raise ProxyScriptError(f"it cannot be read: {error.strerror}") from None
    except DlcoreError as error:
        raise ProxyScriptError(f"it cannot be trusted: {error.message}") from None
    if len(data) > MAX_SCRIPT_BYTES:
        raise ProxyScriptError(f"it is longer than {MAX_SCRIPT_BYTES} bytes")
    return data


async def _read_url(url: str, ca_file: str, policy: TransferPolicy) -> bytes:
    client = HttpClient("proxy script", ConnectionPool(policy), ca_file=ca_file, proxies=NO_PROXIES)
    try:
        return await read_document(client, url, MAX_SCRIPT_BYTES)
    except DlcoreError as error:
        raise ProxyScriptError(f"it cannot be read: {error.message}") from None
    finally:
        await client.aclose()
