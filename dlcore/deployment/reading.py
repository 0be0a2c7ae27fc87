"""Reads a deployment file.

Guarantees: a `Deployment` that was read here is complete and consistent in itself, its paths are
absolute, and it holds no secret.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from dlcore.deployment import toml_tables as tables
from dlcore.deployment.bandwidth import BandwidthWindow, read_bandwidth
from dlcore.deployment.boundary_groups import BoundarySettings
from dlcore.deployment.boundary_tables import read_boundary
from dlcore.deployment.endpoint_tables import is_protected, read_endpoints, resolve
from dlcore.deployment.problems import Problems
from dlcore.deployment.rates import with_rates
from dlcore.deployment.settings import (
    BackgroundSettings,
    CacheSettings,
    CatalogSettings,
    ClientSettings,
    ConditionSettings,
    ContentSettings,
    Deployment,
    DeploymentOptions,
    LaunchSettings,
    SizeInBytes,
    TransferSettings,
    TrustSettings,
)
from dlcore.deployment.sizes import parse_share, with_sizes
from dlcore.deployment.stated_packages import StatedPackage, read_stated_packages
from dlcore.errors import ConfigError
from dlcore.model import CATALOG_KEY, EndpointKind, EndpointSettings
from dlcore.plain_files import is_folder_there, read_plain
from dlcore.spelling import hint

_TABLES = (
    "deployment",
    "client",
    "launch",
    "catalog",
    "trust",
    "transfer",
    "content",
    "conditions",
    "variables",
    "endpoint",
    "background",
    "bandwidth",
    "cache",
    "boundary",
    "packages",
)
WITHOUT_CATALOG = {
    EndpointKind.DP: "a distribution point",
    EndpointKind.CONTENT_LIBRARY: "a content library",
}


def load_deployment(path: Path, *, trust_root: Path | None = None) -> Deployment:
    """Read a deployment from a TOML file.

    Args:
        path: The file.
        trust_root: Root document to trust, in place of the one that the file names.

    Raises:
        ConfigError: The file cannot be read, or a setting in it cannot be used.
    """
    path = path.absolute()
    try:
        text = read_plain(path)
    except OSError as error:
        reason = "it is a folder" if is_folder_there(path) else error.strerror
        raise ConfigError(
            f"{path}: cannot be read: {reason}",
            remedy="Name a deployment file that exists and can be read.",
        ) from None
    return parse_deployment(text, path, trust_root=trust_root)


def parse_deployment(text: bytes, path: Path, *, trust_root: Path | None = None) -> Deployment:
    """Parse the text of a deployment file.

    Args:
        text: The TOML document.
        path: Absolute path it was read from: named in messages; relative paths in the document
            are meant from its folder.
        trust_root: Root document to trust, in place of the one that the document names.

    Raises:
        ConfigError: Settings cannot be used; the message names the file, and all keys.
    """
    table = tables.parse(text, str(path))
    problems = Problems()
    table = tables.only_known(table, _TABLES, str(path), problems)

    def settings(shape: type[tables.T], key: str) -> tables.T:
        return tables.build(shape, table.get(key, {}), f"{path}: {key}")

    transfer = TransferSettings()
    endpoints: tuple[EndpointSettings, ...] | None = None
    trust: TrustSettings | None = None
    with problems:
        transfer = _read_transfer(table.get("transfer", {}), f"{path}: transfer")
    with problems:
        endpoints = read_endpoints(table.get("endpoint", []), path, transfer.connections)
    with problems:
        trust = _absolute(settings(TrustSettings, "trust"), trust_root, path)
    packages: dict[str, StatedPackage] | None = None
    with problems:
        packages = read_stated_packages(table.get("packages", {}), f"{path}: packages")
        if packages and trust and trust.root:
            raise _unsigned(path)
    with problems:
        is_signed = trust is None or bool(trust.root)
        catalog = settings(CatalogSettings, "catalog")
        if catalog != CatalogSettings() or not _needs_none(packages, endpoints):
            catalog = _usable_catalog(catalog, endpoints, path, is_signed=is_signed)
    with problems:
        options = settings(DeploymentOptions, "deployment")
    with problems:
        client = settings(ClientSettings, "client")
    with problems:
        launch = settings(LaunchSettings, "launch")
    with problems:
        content = _read_content(table.get("content", {}), f"{path}: content")
    with problems:
        cache = _read_cache(table.get("cache", {}), path)
    with problems:
        conditions = settings(ConditionSettings, "conditions")
    with problems:
        given = table.get("variables", {})
        variables = tables.convert(dict[str, str], given, f"{path}: variables")
    with problems:
        background = settings(BackgroundSettings, "background")
    bandwidth: tuple[BandwidthWindow, ...] = ()
    with problems:
        bandwidth = read_bandwidth(table.get("bandwidth", []), f"{path}: bandwidth")
    boundary = BoundarySettings()
    with problems:
        boundary = read_boundary(table.get("boundary", {}), endpoints, f"{path}: boundary")
    problems.refuse(str(path))
    return Deployment(
        catalog=catalog,
        endpoints=endpoints or (),
        options=options,
        client=client,
        launch=launch,
        trust=trust or TrustSettings(),
        transfer=transfer,
        content=content,
        cache=cache,
        conditions=conditions,
        variables=variables,
        background=background,
        bandwidth=bandwidth,
        boundary=boundary,
        packages=packages or {},
    )


def _needs_none(
    packages: dict[str, StatedPackage] | None, endpoints: tuple[EndpointSettings, ...] | None
) -> bool:
    """Whether no catalog is needed: packages are stated here, or may be by a task sequence."""
    if packages is None or packages:
        return True
    return bool(endpoints) and all(each.kind in WITHOUT_CATALOG for each in endpoints or ())


def _unsigned(path: Path) -> ConfigError:
    return ConfigError(
        f"{path}: packages are stated, and a root is pinned under [trust], which vouches for none"
        " of them",
        remedy="Publish them at the signed site; or leave [trust] out.",
    )


def _read_transfer(value: object, where: str) -> TransferSettings:
    problems, table = Problems(), tables.as_table(value, where)
    rates = with_rates(table, ("cap_bytes_per_s", "link_bytes_per_s"), where, problems)
    return tables.build(TransferSettings, rates, where, problems)


def _absolute(trust: TrustSettings, trust_root: Path | None, path: Path) -> TrustSettings:
    """The root that the caller names, else that of the deployment file."""
    if trust_root:
        return TrustSettings(str(trust_root.absolute()))
    return TrustSettings(resolve(path, trust.root)) if trust.root else trust


def _read_content(value: object, where: str) -> ContentSettings:
    problems = Problems()
    sizes = with_sizes(tables.as_table(value, where), ("reserve",), where, problems)
    return tables.build(ContentSettings, sizes, where, problems)


def _read_cache(value: object, path: Path) -> CacheSettings:
    """The limit is a size or a share of the disk; paths of seeds are meant from the file."""
    where, problems = f"{path}: cache", Problems()
    table = tables.only_known(tables.as_table(value, where), ("max_size", "seeds"), where, problems)
    limit = table.get("max_size")
    share = parse_share(limit) if isinstance(limit, str) else None
    settings = CacheSettings(max_share=share)
    sizes = with_sizes({} if share else table, ("max_size",), where, problems)
    if "max_size" in sizes:
        with problems:
            max_bytes = tables.convert(SizeInBytes, sizes["max_size"], f"{where}.max_size")
            settings = CacheSettings(max_bytes=max_bytes)
    with problems:
        seeds = tables.convert(tuple[str, ...], table.get("seeds", []), f"{where}.seeds")
        absolute = tuple(resolve(path, seed) for seed in seeds)
        settings = msgspec.structs.replace(settings, seeds=absolute)
    problems.refuse()
    return settings


def _usable_catalog(
    catalog: CatalogSettings,
    endpoints: tuple[EndpointSettings, ...] | None,
    path: Path,
    *,
    is_signed: bool,
) -> CatalogSettings:
    """The catalog's settings with its path made absolute, refused if nothing could vouch for it.

    Args:
        catalog: As the file has it.
        endpoints: Those of the file; None if they cannot be used.
        path: The file.
        is_signed: Whether a pinned root vouches for the catalog.
    """
    where = f"{path}: catalog"
    problems = Problems()
    if bool(catalog.path) == bool(catalog.endpoint):
        problems.add(
            f"{where}: names {'both a path and an endpoint' if catalog.path else 'no catalog'}",
            f'Write path = "{CATALOG_KEY}", or endpoint = "..." with an endpoint\'s name.',
        )
    sha256 = catalog.sha256.lower()
    if sha256 and (len(sha256) != 64 or set(sha256) - set("0123456789abcdef")):
        problems.add(
            f"{where}.sha256: not 64 hexadecimal digits",
            "Write what sha256sum prints for the catalog, or leave the key out.",
        )
    if catalog.endpoint and endpoints is not None:
        with problems:
            _refuse_untrusted(catalog, endpoints, where, is_signed=is_signed)
    problems.refuse()
    place = resolve(path, catalog.path) if catalog.path else ""
    return CatalogSettings(path=place, endpoint=catalog.endpoint, sha256=sha256)


def _refuse_untrusted(
    catalog: CatalogSettings,
    endpoints: tuple[EndpointSettings, ...],
    where: str,
    *,
    is_signed: bool,
) -> None:
    """Refuse an endpoint that has no catalog, or that anyone on the way could alter unnoticed."""
    by_name = {endpoint.name: endpoint for endpoint in endpoints}
    endpoint = by_name.get(catalog.endpoint)
    if endpoint is None:
        raise ConfigError(
            f'{where}.endpoint: no endpoint is named "{catalog.endpoint}"'
            + hint(catalog.endpoint, by_name),
            remedy=f"Endpoints listed: {', '.join(by_name) or 'none'}.",
        )
    if endpoint.kind in WITHOUT_CATALOG:
        raise ConfigError(
            f'{where}.endpoint: "{endpoint.name}" is {WITHOUT_CATALOG[endpoint.kind]},'
            " which has no catalog",
            remedy="Name another endpoint, or the catalog's path.",
        )
    if not (is_signed or catalog.sha256 or is_protected(endpoint)):
        raise ConfigError(
            f'{where}.endpoint: "{endpoint.name}" is read without TLS, so anyone could alter it',
            remedy="Use an https URL, pin the publisher's root under [trust], or pin the catalog"
            " with sha256.",
        )
