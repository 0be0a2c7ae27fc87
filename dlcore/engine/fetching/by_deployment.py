"""The settings of a fetch: its own arguments, and those of a deployment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dlcore.deployment import Deployment, usable_endpoints
from dlcore.engine.download.retry import UNLIMITED, Retry
from dlcore.engine.events import Event
from dlcore.engine.fetching.access import Access
from dlcore.engine.fetching.site import NamedSite
from dlcore.errors import ConfigError

if TYPE_CHECKING:
    from dlcore.engine.fetching.rules import FetchRules


class FetchSettings(NamedTuple):
    """The settings of a fetch: its arguments, and what a deployment adds to them.

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


def with_deployment(
    given: FetchSettings,
    deployment: Deployment | None,
    tell: Callable[[Event], None],
    *,
    cap_bytes_per_s: float = 0.0,
    is_dry_run: bool = False,
) -> FetchSettings:
    """The settings of a fetch, with those of a deployment.

    Args:
        given: Its own arguments. They go before the deployment's settings; but only the deployment
            says where content comes from.
        deployment: The deployment; None for none.
        tell: Hears where the machine is, and of every change.
        cap_bytes_per_s: The cap that is given; 0.0 for none.
        is_dry_run: As of `FetchRules`.

    Raises:
        ConfigError: Both say where content comes from, or this client may use no endpoint of the
            deployment.
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
    from dlcore.engine.fetching.rules import FetchRules  # takes long to load

    transfer = deployment.transfer
    timeout_s = given.access.timeout_s or transfer.timeout_s or None
    retry = given.retry
    if transfer.retry_time_s and retry in (None, Retry()):
        retry = Retry(UNLIMITED, total_s=float(transfer.retry_time_s))
    return FetchSettings(
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
        stated=deployment.packages,
    )
