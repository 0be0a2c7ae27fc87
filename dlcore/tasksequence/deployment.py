"""What is deployed to whom and from where: the settings of one deployment, read from TOML.

Guarantees: a `Deployment` that was read here is complete and consistent in itself, its paths are
absolute, and it holds no secret: credentials are named by the file or environment variable they
lie in. Whether the deployment may run is decided by `dlcore.tasksequence.preflight`, so settings
that ConfigMgr has and the feature does not allow can be stated, and are refused there together
with everything else. `docs/configuration.md` describes every key.
"""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from dlcore.errors import ConfigError
from dlcore.model import CATALOG_KEY, EndpointKind, EndpointSettings
from dlcore.tasksequence import tables
from dlcore.tasksequence.endpoint_tables import is_protected, read_endpoints, resolve

USE_CMG = 'the client setting "Enable clients to use a cloud management gateway"'
ALLOW_CLOUD_DP = 'the client setting "Allow access to cloud distribution point"'
SERVE_CONTENT = (
    'the CMG setting "Allow CMG to function as a cloud distribution point'
    ' and serve content from Azure storage"'
)
CLOUD_KINDS = frozenset({EndpointKind.CMG, EndpointKind.CLOUD_DP, EndpointKind.BLOB})


class Download(enum.StrEnum):
    """When content is fetched: ConfigMgr's three deployment options."""

    WHEN_NEEDED = "when-needed"
    BEFORE_START = "before-start"
    FROM_DP = "from-dp"  # refused by preflight


class Launch(enum.StrEnum):
    """What starts the task sequence; all but Software Center are refused by preflight."""

    SOFTWARE_CENTER = "software-center"
    WINDOWS_PE = "windows-pe"
    PXE = "pxe"
    MEDIA = "media"


class Undecided(enum.StrEnum):
    """What a step does whose condition nobody could decide."""

    SKIP = "skip"
    RUN = "run"
    FAIL = "fail"


class DeploymentOptions(msgspec.Struct, frozen=True):
    """The settings of the deployment.

    Attributes:
        download: When content is fetched.
        allow_on_internet: "Allow task sequence to run for client on the Internet".
    """

    download: Download = Download.WHEN_NEEDED
    allow_on_internet: bool = False


class ClientSettings(msgspec.Struct, frozen=True):
    """Where this client is, and its client settings of the group Cloud Services.

    Attributes:
        on_internet: Whether the client is on the internet, away from on-premises servers.
        use_cmg: "Enable clients to use a cloud management gateway"; ConfigMgr's default is yes.
        allow_cloud_dp: "Allow access to cloud distribution point"; ConfigMgr's default is no.
    """

    on_internet: bool = True
    use_cmg: bool = True
    allow_cloud_dp: bool = False


class LaunchSettings(msgspec.Struct, frozen=True, rename={"origin": "from"}):
    """How the task sequence is started.

    Attributes:
        origin: The key ``from``.
    """

    origin: Launch = Launch.SOFTWARE_CENTER


class CatalogSettings(msgspec.Struct, frozen=True):
    """Where the trusted catalog is read: a path or an endpoint, never both.

    Attributes:
        path: Absolute path of the document.
        endpoint: Name of the endpoint that has it.
        sha256: Digest the document must have, lower-case hex; empty if it is not pinned.
    """

    path: str = ""
    endpoint: str = ""
    sha256: str = ""


class TransferSettings(msgspec.Struct, frozen=True):
    """How content is fetched.

    Attributes:
        connections: Most connections an endpoint, where the endpoint does not say otherwise.
        cap_bytes_per_s: Most bytes per second to read from all endpoints together; 0 for no cap.
        link_bytes_per_s: Rate of the client's link, for the lower bound in plans and reports; 0 if
            unknown.
    """

    connections: Annotated[int, msgspec.Meta(ge=1, le=256)] = 256
    cap_bytes_per_s: Annotated[int, msgspec.Meta(ge=0)] = 0
    link_bytes_per_s: Annotated[int, msgspec.Meta(ge=0)] = 0


class ConditionSettings(msgspec.Struct, frozen=True):
    """Answers to the conditions that cannot be evaluated on this machine.

    Attributes:
        undecided: What a step does whose condition stays undecided.
        facts: WMI query, file, folder or registry path, as the task sequence writes it, and
            whether it holds.
    """

    undecided: Undecided = Undecided.SKIP
    facts: dict[str, bool] = {}


class Deployment(msgspec.Struct, frozen=True):
    """One deployment of one task sequence to one client.

    Attributes:
        catalog: Where the trusted catalog is read.
        endpoints: Sources of content in preference order.
        options: The settings of the deployment.
        client: The settings of the client.
        launch: How the task sequence is started.
        transfer: How content is fetched.
        conditions: Answers to conditions that cannot be evaluated here.
        variables: Task sequence variables set before the first step (collection variables).
    """

    catalog: CatalogSettings
    endpoints: tuple[EndpointSettings, ...]
    options: DeploymentOptions = DeploymentOptions()
    client: ClientSettings = ClientSettings()
    launch: LaunchSettings = LaunchSettings()
    transfer: TransferSettings = TransferSettings()
    conditions: ConditionSettings = ConditionSettings()
    variables: dict[str, str] = {}


class Candidate(NamedTuple):
    """An endpoint, and why this client may not use it: empty if it may."""

    endpoint: EndpointSettings
    obstacle: str


_TABLES = (
    *("deployment", "client", "launch", "catalog", "transfer"),
    *("conditions", "variables", "endpoint"),
)


def load_deployment(path: Path) -> Deployment:
    """Read a deployment from a TOML file.

    Raises:
        ConfigError: The file cannot be read, or a setting in it cannot be used.
    """
    path = path.absolute()
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}",
            remedy="Name a deployment file that exists and may be read.",
        ) from None
    return parse_deployment(text, path)


def parse_deployment(text: bytes, path: Path) -> Deployment:
    """Parse the text of a deployment file.

    Args:
        text: The TOML document.
        path: Absolute path it was read from: named in messages; relative paths in the document
            are meant from its folder.

    Raises:
        ConfigError: A setting cannot be used; the message names the file and the key.
    """
    table = tables.parse(text, str(path))
    tables.refuse_unknown(table, _TABLES, str(path))

    def settings(shape: type[tables.T], key: str) -> tables.T:
        return tables.build(shape, table.get(key, {}), f"{path}: {key}")

    transfer = settings(TransferSettings, "transfer")
    endpoints = read_endpoints(table.get("endpoint", []), path, transfer.connections)
    variables = table.get("variables", {})
    return Deployment(
        catalog=_usable_catalog(settings(CatalogSettings, "catalog"), endpoints, path),
        endpoints=endpoints,
        options=settings(DeploymentOptions, "deployment"),
        client=settings(ClientSettings, "client"),
        launch=settings(LaunchSettings, "launch"),
        transfer=transfer,
        conditions=settings(ConditionSettings, "conditions"),
        variables=tables.convert(dict[str, str], variables, f"{path}: variables"),
    )


def usable_endpoints(deployment: Deployment) -> tuple[Candidate, ...]:
    """All endpoints in preference order, each with the reason if this client may not use it."""
    return tuple(
        Candidate(endpoint, "; ".join(_obstacles(endpoint, deployment.client)))
        for endpoint in deployment.endpoints
    )


def _obstacles(endpoint: EndpointSettings, client: ClientSettings) -> list[str]:
    """Every reason why this client may not use an endpoint."""
    is_cmg = endpoint.kind is EndpointKind.CMG
    reasons = {
        f"{USE_CMG} is off": is_cmg and not client.use_cmg,
        f"{SERVE_CONTENT} is off": is_cmg and not endpoint.serves_content,
        f"{ALLOW_CLOUD_DP} is off": endpoint.kind in CLOUD_KINDS and not client.allow_cloud_dp,
        "an on-premises distribution point cannot be reached from the internet": (
            endpoint.kind is EndpointKind.DP and client.on_internet
        ),
    }
    return [reason for reason, applies in reasons.items() if applies]


def _usable_catalog(
    catalog: CatalogSettings, endpoints: tuple[EndpointSettings, ...], path: Path
) -> CatalogSettings:
    """The catalog's settings with its path made absolute, refused if nothing could vouch for it."""
    where = f"{path}: catalog"
    if bool(catalog.path) == bool(catalog.endpoint):
        raise ConfigError(
            f"{where}: names {'both a path and an endpoint' if catalog.path else 'no catalog'}",
            remedy=f'Write path = "{CATALOG_KEY}", or endpoint = "..." with an endpoint\'s name.',
        )
    sha256 = catalog.sha256.lower()
    if sha256 and (len(sha256) != 64 or set(sha256) - set("0123456789abcdef")):
        raise ConfigError(
            f"{where}.sha256: not 64 hexadecimal digits",
            remedy="Write what sha256sum prints for the catalog, or leave the key out.",
        )
    if catalog.endpoint:
        _refuse_untrusted(catalog, endpoints, where)
        return CatalogSettings(endpoint=catalog.endpoint, sha256=sha256)
    return CatalogSettings(path=resolve(path, catalog.path), sha256=sha256)


def _refuse_untrusted(
    catalog: CatalogSettings, endpoints: tuple[EndpointSettings, ...], where: str
) -> None:
    """Refuse an endpoint that has no catalog, or that anyone on the way could alter unnoticed."""
    by_name = {endpoint.name: endpoint for endpoint in endpoints}
    endpoint = by_name.get(catalog.endpoint)
    if endpoint is None:
        raise ConfigError(
            f'{where}.endpoint: no endpoint is named "{catalog.endpoint}"',
            remedy=f"Endpoints listed: {', '.join(by_name) or 'none'}.",
        )
    if endpoint.kind is EndpointKind.DP:
        raise ConfigError(
            f'{where}.endpoint: "{endpoint.name}" is a distribution point, which has no catalog',
            remedy="Name another endpoint, or the catalog's path.",
        )
    if not (catalog.sha256 or is_protected(endpoint)):
        raise ConfigError(
            f'{where}.endpoint: "{endpoint.name}" is read without TLS, so anyone could alter it',
            remedy="Use an https URL, or pin the catalog with sha256.",
        )
