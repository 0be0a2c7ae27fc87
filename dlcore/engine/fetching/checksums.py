"""The digests of files at URLs that a list beside them gives: ``SHA256SUMS``, ``*.sha512``.

Guarantees: a list counts only if nobody on the way could have altered it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from dlcore.digests import Digest
from dlcore.engine.download.package_index import read_if_there
from dlcore.engine.fetching.call import FetchItem
from dlcore.engine.fetching.file_at_url import is_protected_url
from dlcore.engine.fetching.plain_urls import PlainUrls
from dlcore.engine.fetching.wanted import Wanted, check_is_readable
from dlcore.errors import ConfigError, ManifestError, NotFoundError
from dlcore.long_path import long_path
from dlcore.manifest import MAX_CHECKSUM_LIST_BYTES, parse_checksum_list
from dlcore.text_files import text_of
from dlcore.transfer import redact, redact_named
from dlcore.waiting import in_thread


async def with_checksums(
    items: Sequence[FetchItem], source: str, urls: PlainUrls
) -> list[FetchItem]:
    """Give items the digests that a list has for them.

    Args:
        items: What is to be fetched; nothing: all that the list names, from beside it.
        source: URL or path of the list.
        urls: Reads it, if it is at a URL.

    Raises:
        ConfigError: It could have been altered on the way; or is a file, and nothing else is named;
            or none of the items is at a URL.
        NotFoundError: It is not there.
        ManifestError: It is not a list of checksums.
        TransferError: It cannot be asked for.
        StorageError: It cannot be read.
    """
    _check_uses_any(items)
    is_url = Wanted(source).is_url
    data = await (_read_url(source, urls) if is_url else _read_file(source))
    shown = redact(source) if is_url else source
    name = unquote(shown.partition("?")[0].rpartition("/")[2]) if is_url else Path(source).name
    try:
        text = text_of(data)
    except ValueError as error:
        raise ManifestError(f"{name}: {error}") from None
    digests = parse_checksum_list(text, name)
    if items:
        return [_with_digest(item, digests) for item in items]
    if not is_url:
        raise ConfigError(
            f"{source} does not say where its files are",
            remedy="Name the URLs of the files, or that of the list.",
        )
    folder = source.partition("#")[0].partition("?")[0].rpartition("/")[0]
    return [
        FetchItem(f"{folder}/{quote(path)}", checksum=str(digest), place=path)
        for path, digest in digests.items()
    ]


def _check_uses_any(items: Sequence[FetchItem]) -> None:
    """Refuse a list from which no item could get a digest: somebody relies on it."""
    if not items or any(Wanted(item.what).is_url for item in items):
        return
    for item in items:
        check_is_readable(Wanted(item.what))
    raise ConfigError(
        "--checksums has the digests of files at URLs, and nothing that is named is a URL",
        remedy="Leave --checksums out: packages and manifests have digests of their own.",
    )


def _with_digest(item: FetchItem, digests: dict[str, Digest]) -> FetchItem:
    """The item with the digest of the longest path in the list with which its URL ends."""
    if item.sha256 or item.checksum or not Wanted(item.what).is_url:
        return item
    path = unquote(item.what.partition("#")[0].partition("?")[0])
    fitting = [name for name in digests if path.endswith(f"/{name}")]
    if not fitting:
        return item
    return item._replace(checksum=str(digests[max(fitting, key=len)]))


async def _read_url(url: str, urls: PlainUrls) -> bytes:
    if not is_protected_url(url):
        raise ConfigError(
            f"{redact(url)} is read without TLS, so anyone could alter it",
            remedy="Use https, or get the list in another way and name the file.",
        )
    return await urls.read(url, MAX_CHECKSUM_LIST_BYTES)


async def _read_file(path: str) -> bytes:
    data = await in_thread(read_if_there, long_path(Path(path)), MAX_CHECKSUM_LIST_BYTES)
    if data is None:
        raise NotFoundError(
            f"{redact_named(path)} does not exist, or is too long for a list",
            remedy="Check the path.",
        )
    return data
