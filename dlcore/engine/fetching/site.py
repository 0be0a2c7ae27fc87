"""The published site that a fetch names: its endpoints and its catalog.

Guarantees: each is opened or read at most once, and only when something needs it, however many
packages are fetched. The catalog is read only if something vouches for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from dlcore.deployment import StatedPackage, is_protected
from dlcore.engine.documents.catalog import read_catalog
from dlcore.engine.documents.content_library import DescribedContent, describe
from dlcore.engine.documents.named_hash import check_named_hash
from dlcore.engine.documents.stated_packages import Described, StatedPackages
from dlcore.engine.documents.trusted import TrustedRoot
from dlcore.engine.download.allowed import AllowedEndpoints
from dlcore.engine.download.asking import Asking
from dlcore.engine.download.inquiry import InquiryPolicy
from dlcore.engine.download.package_index import PackageIndex
from dlcore.engine.events import Event
from dlcore.engine.fetching.access import NamedServers
from dlcore.engine.fetching.found_instead import (
    advise_other_kinds,
    check_may_have_catalog,
    hash_at_site_error,
    no_library,
    no_point,
)
from dlcore.engine.fetching.sources import Access, Source, open_sources, settings_of
from dlcore.errors import ConfigError, NotFoundError
from dlcore.model import EndpointKind, EndpointSettings
from dlcore.printable import quoted
from dlcore.schedule import Terms
from dlcore.transfer import (
    ConnectionPool,
    ContentLibrary,
    DistributionPointEndpoint,
    Endpoint,
    as_content_library,
)
from dlcore.waiting import cancel_and_wait


class NamedSite(NamedTuple):
    """A site as the user names it.

    Attributes:
        endpoints: Where from.
        catalog: The trusted catalog; None for the first endpoint's.
        catalog_sha256: Digest that the catalog must have, hex; empty for any.
        trust_root: Root document that must vouch for the catalog; None if it need not be signed.
        keeps: Whether what the root vouches for is remembered, so that no older one is accepted.
        content_hash: Package content hash that a package must have, hex; empty for any.
        catalog_endpoint: Name of the endpoint that has the catalog, by the settings of a
            deployment; empty for the first one.
        stated: The packages whose content hash a deployment states, by package id. It counts before
            the catalog.
    """

    endpoints: Sequence[str | EndpointSettings]
    catalog: Path | None = None
    catalog_sha256: str = ""
    trust_root: Path | None = None
    keeps: bool = True
    content_hash: str = ""
    catalog_endpoint: str = ""
    stated: Mapping[str, StatedPackage] = MappingProxyType({})

    @property
    def is_vouched_for(self) -> bool:
        """Whether the catalog counts, whoever could alter it on the way."""
        return bool(self.catalog or self.catalog_sha256 or self.trust_root)

    @property
    def has_catalog(self) -> bool:
        """Whether it is said which catalog counts."""
        return self.is_vouched_for or bool(self.catalog_endpoint)


class OpenedSite:
    """The site that the user names, opened when it is needed.

    Args:
        named: What the user says.
        access: What opens the endpoints.
        stack: Closes them.
        tell: Hears of endpoints that ask for time.
        servers: Which server is shown what.
        policy: How patiently endpoints are asked for documents.
        pool: The connections that all of the call share; new ones if None.
        allowed: Says which endpoints may be used; None: all.

    Attributes:
        asking: Puts questions to endpoints.
    """

    def __init__(
        self,
        named: NamedSite,
        access: Access,
        stack: AsyncExitStack,
        tell: Callable[[Event], None],
        servers: NamedServers | None = None,
        policy: InquiryPolicy | None = None,
        pool: ConnectionPool | None = None,
        allowed: AllowedEndpoints | None = None,
    ) -> None:
        self.asking = Asking(tell, policy=policy)
        self._policy = policy
        self._pool = pool
        self._allowed = allowed
        self._named = named
        self._access = access
        self._stack = stack
        self._tell = tell
        self._servers = servers or NamedServers(access, named.endpoints)
        self._sources: list[Source] = []
        self._stated: StatedPackages | None = None
        self._reading: asyncio.Task[PackageIndex] | None = None
        self._patch_digests: dict[str, str] | None = None

    @property
    def is_open(self) -> bool:
        """Whether anything has needed it."""
        return bool(self._sources)

    def close_at_end(self, endpoint: Endpoint) -> None:
        """Close an endpoint that is not the site's own together with it."""
        self._stack.push_async_callback(endpoint.aclose)

    def sources(self) -> list[Source]:
        """Its endpoints, in order of preference.

        Raises:
            ConfigError: There is none, or one cannot be used.
            NotFoundError: A folder does not exist.
            StorageError: A folder cannot be looked at.
        """
        if not self._sources:
            self._sources = open_sources(
                self._named.endpoints, self._access, self._stack, self._servers, self._pool
            )
        return self._sources

    @property
    def patch_digests(self) -> dict[str, str] | None:
        """`ReadCatalog.patch_digests`; None too if the catalog was not read."""
        return self._patch_digests

    @property
    def has_libraries(self) -> bool:
        """Whether a content library says what a package is: the first endpoint, and no catalog.

        Raises:
            ConfigError: As `sources`.
        """
        if self._named.has_catalog or not self._named.endpoints:
            return False
        return as_content_library(self.sources()[0][0]) is not None

    @property
    def has_only_hash(self) -> bool:
        """Whether only a content hash says what a package is: of the first endpoint, a ``dp``.

        Raises:
            ConfigError: As `sources`.
        """
        named = self._named
        if named.has_catalog or not (named.content_hash and named.endpoints):
            return False
        return self.sources()[0][0].kind is EndpointKind.DP

    def library_of_point(self) -> tuple[ContentLibrary, Terms]:
        """The content library behind the URL of the first endpoint, a ``dp``, which closes it."""
        endpoint, terms = self.sources()[0]
        assert isinstance(endpoint, DistributionPointEndpoint)
        return endpoint.content_library(), terms

    async def no_point(self) -> NotFoundError | None:
        """The error if the first endpoint, a ``dp``, is a published site; None if it is not."""
        return await no_point(self.library_of_point()[0], self._settings(0), self.asking)

    async def describe_by(self, library: ContentLibrary, what: str) -> DescribedContent:
        """What one content library states, compared with the content hash that is named.

        Raises:
            DlcoreError: As `content_library.describe`.
        """
        return await describe(library, what, self.asking, self._named.content_hash)

    def check_has_no_hash(self, what: str, *, is_package: bool) -> None:
        """Refuse a content hash with which nothing would be compared.

        Args:
            what: What is fetched, for the message.
            is_package: Whether that is the id of a package or a content.

        Raises:
            ConfigError: One is named.
        """
        named = self._named
        if not named.content_hash:
            return
        if named.endpoints and not named.has_catalog and is_package:
            raise hash_at_site_error(self._settings(0), what)
        if not is_package:
            why = f"{what} is not the id of a package"
        elif named.has_catalog:
            why = f"the catalog says what {what} is"
        else:
            why = f"no distribution point or content library is named that has {what}"
        raise ConfigError(
            f"a content hash was given, but {why}",
            remedy="Leave --content-hash (content_hash) out, or fetch a package by its id, with"
            " a content-library or a dp as the first endpoint and without a catalog.",
        )

    async def stated(self, package_id: str) -> Described | None:
        """A package whose content hash a deployment states; None: it states none of it.

        Raises:
            DlcoreError: Nothing with that hash was found; or as `sources`.
        """
        named = self._named
        if package_id not in named.stated or named.trust_root:  # a root vouches for everything
            return None
        if self._stated is None:
            endpoints = [endpoint for endpoint, _ in self.sources()]
            self._stated = StatedPackages(
                named.stated, endpoints, self._tell, self._policy, self._allowed
            )
        return await self._stated.described(package_id)

    async def describe(self, what: str) -> DescribedContent:
        """What its content libraries state of a package or a content.

        Args:
            what: A package id or a content id.

        Raises:
            NotFoundError: None of them has it.
            DlcoreError: As `content_library.describe`.
        """
        told = self._named.content_hash
        if told:
            check_named_hash(told)
        missing: list[NotFoundError] = []
        elsewhere: list[NotFoundError] = []  # what has no PkgLib may be another drive
        for number, (endpoint, _) in enumerate(self.sources()):
            library = as_content_library(endpoint)
            if library is None:
                continue
            if not (told or self._is_protected(number)):
                raise ConfigError(
                    f"what {endpoint.name} says of {quoted(what)} is read without TLS, so anyone"
                    " could alter it",
                    remedy="Use https, or give the package's --content-hash.",
                )
            try:
                return await describe(library, what, self.asking, told)
            except NotFoundError as error:
                instead = await no_library(library, self._settings(number), what, self.asking)
                (elsewhere if instead else missing).append(instead or error)
        raise [*missing, *elsewhere][0]

    async def package_index(self) -> PackageIndex:
        """What its catalog says of each package.

        Raises:
            ConfigError: Nothing vouches for the catalog; or as `sources`.
            DlcoreError: As `read_catalog`.
        """
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read())
            self._stack.push_async_callback(cancel_and_wait, [self._reading])
        return await asyncio.shield(self._reading)

    def _is_protected(self, number: int) -> bool:
        """Whether nobody on the way can alter what one of the endpoints says."""
        return is_protected(self._settings(number))

    def _settings(self, number: int) -> EndpointSettings:
        return settings_of(self._named.endpoints[number], number, self._access, self._servers)

    async def _read(self) -> PackageIndex:
        named = self._named
        endpoints = [endpoint for endpoint, _ in self.sources()]
        number = self._number_of_catalog(endpoints)
        if not named.catalog:
            check_may_have_catalog(self._settings(number))
        if not (named.is_vouched_for or self._is_protected(number)):
            raise ConfigError(
                f"the catalog at {endpoints[number].name} is read without TLS, so anyone could"
                " alter it",
                remedy="Use https, or give --trust-root, --catalog or --catalog-sha256.",
            )
        try:
            read = await read_catalog(
                path=named.catalog,
                endpoint=None if named.catalog else endpoints[number],
                sha256=named.catalog_sha256,
                trust=_root(named),
                tell=self._tell,
                policy=self._policy,
            )
        except NotFoundError as error:
            if not named.catalog:
                advise_other_kinds(error, self._settings(number))
            raise
        self._patch_digests = read.patch_digests
        beside = named.catalog.parent if named.catalog else None
        return PackageIndex(
            read.catalog,
            endpoints,
            store=None,
            folder=beside,
            tell=self._tell,
            policy=self._policy,
            allowed=self._allowed,
        )

    def _number_of_catalog(self, endpoints: Sequence[Endpoint]) -> int:
        """Which of the endpoints has the catalog."""
        name = self._named.catalog_endpoint
        if not name:
            return 0
        for number, endpoint in enumerate(endpoints):
            if endpoint.name == name:
                return number
        raise ConfigError(
            f"the catalog is to be read from endpoint {name}, which this client may not use",
            remedy="Name another endpoint or a path under [catalog].",
        )


def _root(named: NamedSite) -> TrustedRoot | None:
    root = named.trust_root
    return TrustedRoot(root, None, keeps=named.keeps) if root else None
