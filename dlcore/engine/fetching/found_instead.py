"""What to say if an endpoint that a fetch names is not what the fetch takes it for.

The place itself is asked what it is, and only after the fetch has failed. Each
error names what is there, and how to fetch from it.
"""

from __future__ import annotations

import re
from typing import Final

from dlcore.deployment import WITHOUT_CATALOG
from dlcore.engine.download.asking import Asking
from dlcore.errors import ConfigError, Fault, NotFoundError, TransferError
from dlcore.manifest import MAX_CATALOG_BYTES
from dlcore.model import CATALOG_KEY, EndpointKind, EndpointSettings
from dlcore.printable import quoted
from dlcore.transfer import ContentLibrary, redact

_BY_HASH: Final = "--content-hash HEX (ConfigMgr's hash of the package) or --catalog FILE"


def check_may_have_catalog(settings: EndpointSettings) -> None:
    """Refuse to look for a catalog where there is none.

    Raises:
        ConfigError: The endpoint is of a kind that has none.
    """
    what = WITHOUT_CATALOG.get(settings.kind)
    if what is None:
        return
    remedy = "Name the catalog with --catalog FILE."
    if settings.kind is EndpointKind.DP:
        library = f"content-library+{_over_tls(_place(settings))}"
        remedy = (
            "Give the package's hash with --content-hash HEX; or, if the server has its content"
            f" library, --from '{library}'; or, to fetch, a catalog with --catalog FILE."
        )
    raise ConfigError(
        f"{settings.name} is {what}, which has no catalog: nothing says what the package is",
        remedy=remedy,
    )


def advise_other_kinds(error: NotFoundError, settings: EndpointSettings) -> None:
    """Add to the error "no catalog" which other kind the endpoint may be."""
    if settings.kind is EndpointKind.HTTP:
        error.advise(
            "A distribution point has none: for one, write --from"
            f" 'dp+{_place(settings)}' with {_BY_HASH}."
        )


def hash_at_site_error(settings: EndpointSettings, what: str) -> ConfigError:
    """The error if a content hash is given for what a published site has."""
    place, kinds = _place(settings), ["content-library"]
    if not settings.is_folder:
        kinds.insert(0, "dp")
    others = " or ".join(f"'{kind}+{place}'" for kind in kinds)
    return ConfigError(
        f"a content hash was given, but {settings.name} is named as a published site:"
        f" its catalog says what {what} is",
        remedy="Leave --content-hash (content_hash) out. If no site was published there, say what"
        f" it is: --from {others}.",
    )


async def no_library(
    library: ContentLibrary, settings: EndpointSettings, what: str, asking: Asking
) -> NotFoundError | None:
    """The error if there is no content library at a place; None if there is one.

    Args:
        library: How the place was asked.
        settings: The endpoint.
        what: What is wanted, a package id or a content id.
        asking: Puts the questions.
    """
    folder = "DataLib" if library.versions_are_listed else "PkgLib"
    if await _why_not_listed(library, folder, asking) is not Fault.NOT_FOUND:
        return None
    place = _place(settings)
    if await _has_catalog(library, asking):
        return _site_instead_error(place, "a content library")
    message = f"there is no content library at {place}: it has no folder {folder}"
    if settings.is_folder:
        return NotFoundError(
            message,
            remedy="Name the folder SCCMContentLib of the drive that has PkgLib. If the library is"
            " on several drives, name each with its own --from 'content-library+FOLDER'.",
        )
    if await _why_not_listed(library, what, asking) is None:
        return NotFoundError(
            f"{place} is a distribution point without a content library: it has {quoted(what)},"
            f" but no folder {folder}",
            remedy=f"Fetch from the distribution point: --from 'dp+{place}' with {_BY_HASH}.",
        )
    return NotFoundError(
        message,
        remedy="Check the URL: distribution points have their library at"
        " http(s)://HOST/SMS_DP_SMSPKG$. Where there is none, write --from 'dp+URL' with"
        f" {_BY_HASH}.",
    )


async def no_point(
    library: ContentLibrary, settings: EndpointSettings, asking: Asking
) -> NotFoundError | None:
    """The error if there is a published site in place of a distribution point; else None.

    Args:
        library: The content library behind the same URL, if there is one.
        settings: The endpoint.
        asking: Puts the questions.
    """
    if not await _has_catalog(library, asking):
        return None
    return _site_instead_error(_place(settings), "a distribution point")


async def _has_catalog(library: ContentLibrary, asking: Asking) -> bool:
    """Whether a published site is where a content library was looked for."""
    try:
        await asking.ask(library, lambda: library.read_document(CATALOG_KEY, MAX_CATALOG_BYTES))
    except TransferError:
        return False
    return True


def _over_tls(url: str) -> str:
    """The same URL with https, without the port of http."""
    if not url.lower().startswith("http://"):
        return url
    host, slash, path = url.partition("://")[2].partition("/")
    return f"https://{re.sub(':[0-9]*$', '', host)}{slash}{path}"


def _site_instead_error(place: str, not_this: str) -> NotFoundError:
    return NotFoundError(
        f"{place} is a published site (it has a {CATALOG_KEY}), not {not_this}",
        remedy=f"Fetch from the site: --from '{place}', without --content-hash.",
    )


def _place(settings: EndpointSettings) -> str:
    return settings.url if settings.is_folder else redact(settings.url)


async def _why_not_listed(library: ContentLibrary, key: str, asking: Asking) -> Fault | None:
    """Why a folder cannot be listed; None if it can."""
    try:
        await asking.ask(library, lambda: library.entries(key))
    except TransferError as error:
        return error.fault
    return None
