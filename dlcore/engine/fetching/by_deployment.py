"""Fetches by the settings of a deployment: what they name, and what they allow where and when.

Guarantees: no endpoint serves content that no boundary group allows where the machine is, and the
hours of the bandwidth schedule hold; both also while the fetch goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from dlcore.deployment import BandwidthSchedule, Deployment, usable_endpoints
from dlcore.engine.boundaries import AllowedGroups, Boundaries
from dlcore.engine.download.allowed import AllowedEndpoints
from dlcore.engine.download.downloads import Downloads
from dlcore.engine.download.retry import UNLIMITED, Retry
from dlcore.engine.events import Event
from dlcore.engine.fetching.access import Access
from dlcore.engine.fetching.site import NamedSite
from dlcore.engine.traffic import Traffic
from dlcore.errors import ConfigError
from dlcore.machine import Machine, this_machine


class FetchRules:
    """What a deployment allows a fetch, where the machine is and at this hour. For one event loop.

    Args:
        deployment: The settings.
        tell: Hears of every change.
        cap_bytes_per_s: Read at most this much from all endpoints together; 0.0 for what the
            settings say.
        machine: Is asked about its network; None: this machine.
        is_dry_run: Whether it is only asked who would serve: then every endpoint counts that may be
            used here, now or after fallback.
    """

    def __init__(
        self,
        deployment: Deployment,
        tell: Callable[[Event], None],
        *,
        cap_bytes_per_s: float = 0.0,
        machine: Machine | None = None,
        is_dry_run: bool = False,
    ) -> None:
        machine = machine or this_machine()
        costs = {each.name: each.cost for each in deployment.endpoints}
        self._boundaries = Boundaries(deployment.boundary, machine, tell, costs)
        self._traffic = Traffic(
            BandwidthSchedule(deployment.bandwidth),
            deployment.background,
            machine,
            tell,
            cap_bytes_per_s or float(deployment.transfer.cap_bytes_per_s),
        )
        self._is_dry_run = is_dry_run

    async def begin(self) -> None:
        """Look where the machine is. Idempotent."""
        await self._boundaries.begin()

    @property
    def allowed(self) -> AllowedEndpoints:
        """Says which endpoints may be used; after `begin`."""
        return _AfterFallback(self._boundaries) if self._is_dry_run else self._boundaries

    @property
    def groups(self) -> AllowedGroups | None:
        """The boundary groups that count now; None if the settings have none."""
        return self._boundaries.allowed_groups(after_fallback=self._is_dry_run)

    def attach(self, downloads: Downloads) -> None:
        """Keep these downloads to the settings from now on, until `aclose`; after `begin`."""
        self._traffic.attach(downloads)
        self._boundaries.attach(downloads)

    async def aclose(self) -> None:
        """Let go of the downloads. Idempotent."""
        await self._traffic.aclose()
        await self._boundaries.aclose()


class _AfterFallback:
    """Every endpoint that may be used here, now or later. Implements `AllowedEndpoints`."""

    def __init__(self, boundaries: Boundaries) -> None:
        self._boundaries = boundaries

    def ranks_of(self, names: Iterable[str]) -> Mapping[str, int]:
        """All of them, alike."""
        return {name: 0 for name in names if self._boundaries.possible(name)}

    def nothing_left(self, failing_s: float) -> float | None:
        """There are no more."""
        return None

    def obstacle(self) -> str:
        """Why no endpoint may be used here."""
        return self._boundaries.obstacle()


class Settled(NamedTuple):
    """What a fetch goes by: its arguments, and what a deployment says besides.

    Attributes:
        site: Endpoints and catalog.
        access: What opens endpoints.
        retry: What to do when no endpoint is left.
        seeds: Folders whose files are taken over.
        rules: What the deployment allows; None without one.
    """

    site: NamedSite
    access: Access
    retry: Retry | None
    seeds: Sequence[Path]
    rules: FetchRules | None = None


def settled(
    given: Settled,
    deployment: Deployment | None,
    tell: Callable[[Event], None],
    *,
    cap_bytes_per_s: float = 0.0,
    is_dry_run: bool = False,
) -> Settled:
    """What a fetch goes by.

    Args:
        given: Its own arguments. They go before the settings, except that a deployment alone says
            where from.
        deployment: The settings; None for none.
        tell: Hears where the machine is, and of every change.
        cap_bytes_per_s: The cap that is given; 0.0 for none.
        is_dry_run: As of `FetchRules`.

    Raises:
        ConfigError: Both say where from, or this client may use no endpoint of the deployment.
    """
    if deployment is None:
        return given
    named = given.site
    if named.endpoints or named.has_catalog or named.content_hash:
        raise ConfigError(
            "both a deployment and endpoints, a catalog, its root or a content hash are named",
            remedy="A deployment file says all of that: name nothing else, or leave --config"
            " (deployment) out.",
        )
    transfer = deployment.transfer
    timeout_s = given.access.timeout_s or transfer.timeout_s or None
    retry = given.retry
    if transfer.retry_time_s and retry in (None, Retry()):
        retry = Retry(UNLIMITED, total_s=float(transfer.retry_time_s))
    return Settled(
        _site_of(deployment),
        given.access._replace(timeout_s=timeout_s),
        retry,
        [*given.seeds, *map(Path, deployment.cache.seeds)],
        FetchRules(deployment, tell, cap_bytes_per_s=cap_bytes_per_s, is_dry_run=is_dry_run),
    )


def check_is_package(rules: FetchRules | None, shown: str, *, is_package: bool) -> None:
    """Refuse to fetch by a deployment what its endpoints do not have.

    Args:
        rules: Those of the deployment; None without one.
        shown: What is wanted, for the message.
        is_package: Whether it is a package, by its id or its manifest.

    Raises:
        ConfigError: It is something else.
    """
    if rules and not is_package:
        raise ConfigError(
            f"{shown} is not a package, and a deployment only says where packages come from",
            remedy="Fetch it by a call of its own, without --config (deployment).",
        )


def _site_of(deployment: Deployment) -> NamedSite:
    candidates = usable_endpoints(deployment)
    usable = [each.endpoint for each in candidates if not each.obstacle]
    if not usable:
        reasons = "; ".join(f"{each.endpoint.name}: {each.obstacle}" for each in candidates)
        raise ConfigError(
            f"this client may use no endpoint of the deployment: {reasons or 'it has none'}",
            remedy="Change the settings of the client, or add an endpoint that it may use.",
        )
    catalog, root = deployment.catalog, deployment.trust.root
    return NamedSite(
        usable,
        Path(catalog.path) if catalog.path else None,
        catalog.sha256,
        Path(root) if root else None,
        catalog_endpoint=catalog.endpoint,
    )
