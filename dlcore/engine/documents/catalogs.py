"""Which catalog a client uses: the current one, or the one that its run began with.

Guarantees: a client uses one catalog. If it goes on with a run, that is the catalog which the run
pinned, and nothing is asked of the network for it. Every catalog is proven by the root that is
trusted now, if there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dlcore import manifest as documents
from dlcore.deployment import Deployment
from dlcore.engine.documents.catalog import ReadCatalog, read_catalog
from dlcore.engine.documents.catalog_pin import keep_catalog, pinned_catalog
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.engine.documents.stated_packages import StatedPackages
from dlcore.engine.documents.trusted import TrustedRoot
from dlcore.engine.download.allowed import AllowedEndpoints
from dlcore.engine.download.inquiry import InquiryPolicy
from dlcore.engine.download.package_index import PackageIndex
from dlcore.engine.events import Event
from dlcore.engine.state_file import START_OVER_REMEDY
from dlcore.errors import ConfigError, RunStateError, RunStateFault
from dlcore.model import Catalog, CatalogEntry
from dlcore.store import Store
from dlcore.transfer import Endpoint
from dlcore.waiting import in_thread


class Catalogs:
    """Reads, pins and proves the catalog of one client.

    Args:
        deployment: Says where the catalog is and whose signatures vouch for it.
        state: The state directory.
        endpoints: The endpoints that the client may use; filled when it is opened.
        tell: Hears if an endpoint asks for time.
        policy: How patiently the catalog is asked for.
        allowed: Says which endpoints may be used.

    Attributes:
        stated: The packages of which a content hash is stated; they are added to the catalog.
    """

    def __init__(
        self,
        deployment: Deployment,
        state: Path,
        endpoints: Sequence[Endpoint],
        tell: Callable[[Event], None],
        policy: InquiryPolicy | None = None,
        allowed: AllowedEndpoints | None = None,
    ) -> None:
        self.stated = StatedPackages(deployment.packages, endpoints, tell, policy, allowed)
        self._deployment = deployment
        self._state = state
        self._endpoints = endpoints
        self._tell = tell
        self._policy = policy
        self._allowed = allowed
        self._package_index: PackageIndex | None = None
        self._other_versions: dict[str, CatalogEntry] = {}
        self._used: ReadCatalog | None = None
        self._trust: TrustedRoot | None = None
        self._keeps = False

    async def keep_evidence(self) -> None:
        """The state directory is locked: keep there what is verified, now and from now on.

        Raises:
            StorageError: The disk failed.
        """
        self._keeps = True
        if self._trust:
            await self._trust.keep()

    async def used(self) -> Catalog:
        """The catalog that the client uses; the current one is read if there is none yet.

        Raises:
            DlcoreError: The catalog cannot be read.
        """
        return (await self._use_any()).catalog

    async def package_index(self, store: Store) -> PackageIndex:
        """What is known of the packages of the catalog that the client uses.

        Args:
            store: Asked first for the manifests of packages that it holds.

        Raises:
            DlcoreError: The catalog cannot be read.
        """
        catalog = await self.used()
        if self._package_index is None or self._package_index.catalog is not catalog:
            path = self._deployment.catalog.path
            self._package_index = PackageIndex(
                catalog,
                self._endpoints,
                store,
                folder=Path(path).parent if path else None,
                tell=self._tell,
                policy=self._policy,
                patch_digests=self.patch_digests,
                other_versions=self.other_versions,
                allowed=self._allowed,
                describe=self.stated.document,
                trouble=self.stated.trouble,
            )
        return self._package_index

    @property
    def patch_digests(self) -> dict[str, str] | None:
        """`ReadCatalog.patch_digests` of the catalog that is used; only after `used`."""
        return self._used.patch_digests if self._used else None

    async def current(self) -> Catalog:
        """Read the current catalog, whichever one the client uses.

        Raises:
            DlcoreError: The catalog cannot be read.
        """
        return (await self._read()).catalog

    async def newer(self) -> ReadCatalog | None:
        """Read the current catalog, and go on with the one that is used.

        Returns:
            What `use` takes; None if it is the one that is used.

        Raises:
            DlcoreError: It cannot be read.
        """
        read = await self._read()
        if self._used and self._used.sha256 == read.sha256:
            self._used = read._replace(catalog=self._used.catalog)  # what proves it may be newer
            return None
        return read

    def use(self, read: ReadCatalog) -> None:
        """Use a catalog that `newer` returned from now on."""
        self._used = read

    async def pin(self, folder: Path | None = None) -> CatalogPin:
        """Keep the catalog that the client uses on disk, for a run that begins with it.

        Args:
            folder: Where; None: in the state directory, for its run.

        Raises:
            StorageError: The disk failed.
            DlcoreError: The catalog cannot be read.
        """
        return await in_thread(keep_catalog, folder or self._state, await self._use_any())

    async def use_pinned(
        self, pin: CatalogPin, *, may_change: bool, folder: Path | None = None
    ) -> None:
        """Use the catalog that a run began with.

        Args:
            pin: What the run began with.
            may_change: Whether the client may still change to another catalog.
            folder: Where it was kept; None: in the state directory.

        Raises:
            RunStateError: The pinned catalog is lost, and the current one differs from it.
            TrustError: The root that is trusted now does not prove it.
            ConfigError: The client has used another catalog already.
            StorageError: The disk failed.
        """
        if self._used and self._used.sha256 == pin.catalog:
            return
        if not may_change:
            raise ConfigError(
                "this client has already used a catalog other than the one that the run began with",
                remedy="Make the session before anything is fetched, or with another client.",
            )
        kept_in = folder or self._state
        self._used = await pinned_catalog(kept_in, pin, self._trusted_root(), self._read)

    @property
    def other_versions(self) -> Mapping[str, CatalogEntry]:
        """What may be fetched besides what the used catalog states, by `version_name`."""
        return self._other_versions

    def add_version(self, name: str, entry: CatalogEntry) -> None:
        """Let another version of a package be fetched: an entry of a catalog from `pinned`."""
        self._other_versions[name] = entry

    async def pinned(self, pin: CatalogPin) -> Catalog:
        """Read the catalog that a run of the state directory began with; another one stays in use.

        Raises:
            RunStateError: It is lost.
            TrustError: The root that is trusted now does not prove it.
            StorageError: The disk failed.
        """
        return (await pinned_catalog(self._state, pin, self._trusted_root(), None)).catalog

    async def _use_any(self) -> ReadCatalog:
        if self._used is None:
            self._used = await self._read()
        return self._used

    async def _read(self) -> ReadCatalog:
        read = await self._read_named()
        if self._deployment.trust.root:  # it vouches for everything, or for nothing
            return read
        return await self.stated.added_to(read)

    async def _read_named(self) -> ReadCatalog:
        settings, trust = self._deployment.catalog, self._trusted_root()
        if not (settings.path or settings.endpoint):
            empty = Catalog(1, {})
            document = documents.encode_catalog(empty)
            return ReadCatalog(empty, document, documents.digest_of(document))
        if settings.path:
            return await read_catalog(path=Path(settings.path), sha256=settings.sha256, trust=trust)
        for endpoint in self._endpoints:
            if endpoint.name == settings.endpoint:
                return await read_catalog(
                    endpoint=endpoint,
                    sha256=settings.sha256,
                    trust=trust,
                    tell=self._tell,
                    policy=self._policy,
                )
        raise ConfigError(
            f"the catalog is to be read from endpoint {settings.endpoint}, "
            "which this client may not use",
            remedy="Name another endpoint or a path under [catalog].",
        )

    def _trusted_root(self) -> TrustedRoot | None:
        root = self._deployment.trust.root
        if root and self._trust is None:
            self._trust = TrustedRoot(Path(root), self._state / "trust", keeps=self._keeps)
        return self._trust


def check_known(packages: Sequence[str], catalog: Catalog) -> None:
    """Refuse to go on with an edited sequence that needs more than the run began with.

    Args:
        packages: Ids of the packages that the edited sequence refers to.
        catalog: The one that the run began with.

    Raises:
        RunStateError: The catalog lacks some of them; the message names these.
    """
    unknown = [package for package in packages if package not in catalog.packages]
    if unknown:
        raise RunStateError(
            f"the edited task sequence refers to {', '.join(unknown)}, which the catalog that the "
            "run began with does not have",
            fault=RunStateFault.SEQUENCE,
            remedy=START_OVER_REMEDY,
        )
