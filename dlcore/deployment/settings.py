"""The settings of one deployment: what is deployed to whom, and from where.

Guarantees: instances never change, and hold no secret: credentials are named by the file or
environment variable that holds them. Settings that ConfigMgr has and the feature does not allow
can be stated; `dlcore.deployment.preflight` refuses them together with everything else.
``docs/configuration.md`` describes every key.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from dlcore.deployment.bandwidth import BandwidthWindow
from dlcore.deployment.boundary_groups import BoundarySettings
from dlcore.deployment.stated_packages import StatedPackage
from dlcore.deployment.web_tables import secret_variables
from dlcore.model import EndpointSettings

SizeInBytes = Annotated[int, msgspec.Meta(ge=0)]


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
    """What a step does whose condition cannot be decided."""

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
        origin: The key ``from``: what started it. Only Software Center is supported.
    """

    origin: Launch = Launch.SOFTWARE_CENTER


class CatalogSettings(msgspec.Struct, frozen=True):
    """Where the trusted catalog is read: a path or an endpoint, never both.

    Neither is named where distribution points say what packages are, by their content hashes.

    Attributes:
        path: Absolute path of the document.
        endpoint: Name of the endpoint that has it.
        sha256: Digest the document must have, lower-case hex; empty if it is not pinned.
    """

    path: str = ""
    endpoint: str = ""
    sha256: str = ""


class TrustSettings(msgspec.Struct, frozen=True):
    """Whose signatures vouch for the catalog.

    Attributes:
        root: Absolute path of the pinned root document; empty if the catalog need not be signed.
    """

    root: str = ""


class TransferSettings(msgspec.Struct, frozen=True):
    """How content is fetched.

    Attributes:
        connections: The most connections to an endpoint that has no number of its own.
        cap_bytes_per_s: The highest rate of reading from all endpoints together; 0 for no cap.
        link_bytes_per_s: Rate of the client's link, for the lower bound in plans and reports; 0 if
            unknown.
        retry_time_s: Seconds to go on asking when no endpoint can serve a package, counted since
            anything of it arrived; 0 for only as often as the task sequence says.
        timeout_s: Seconds after which an endpoint that brings nothing is given up; 0 for the usual
            time.
    """

    connections: Annotated[int, msgspec.Meta(ge=1, le=256)] = 256
    cap_bytes_per_s: Annotated[int, msgspec.Meta(ge=0)] = 0
    link_bytes_per_s: Annotated[int, msgspec.Meta(ge=0)] = 0
    retry_time_s: Annotated[int, msgspec.Meta(ge=0)] = 0
    timeout_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0


class ContentSettings(msgspec.Struct, frozen=True, rename={"reserve_bytes": "reserve"}):
    """Where content is kept.

    Attributes:
        reserve_bytes: The key ``reserve``: free space, in bytes, that is left on the disk of the
            state directory; by default 1 GiB or 2 % of the disk, whichever is less.
    """

    reserve_bytes: Annotated[int, msgspec.Meta(ge=0)] | None = None


class WhenScarce(enum.StrEnum):
    """What background fetching does where the network is metered, or the battery discharges."""

    PAUSE = "pause"
    CONTINUE = "continue"


class BackgroundSettings(msgspec.Struct, frozen=True):
    """When content that nobody waits for yet is not fetched. What a step waits for always is.

    Attributes:
        on_metered: On a network that is paid for by volume. Where the machine cannot tell whether
            it is, it counts as not.
        on_battery: While the machine runs on its battery.
    """

    on_metered: WhenScarce = WhenScarce.PAUSE
    on_battery: WhenScarce = WhenScarce.PAUSE


class CacheSettings(msgspec.Struct, frozen=True):
    """How much of the disk packages may take together, and where else content lies.

    Attributes:
        max_bytes: The key ``max_size`` as a size: packages that no run needs give way above it;
            None for no such limit.
        max_share: The key ``max_size`` as a share of the disk of the state directory, above 0 and
            at most 1; None for no such limit.
        seeds: Absolute paths of folders whose files are taken over, if they are right, in place of
            fetching them.
    """

    max_bytes: SizeInBytes | None = None
    max_share: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] | None = None
    seeds: tuple[str, ...] = ()


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
        trust: Whose signatures vouch for the catalog.
        transfer: How content is fetched.
        content: Where content is kept.
        cache: How much is kept, and where else content lies.
        conditions: Answers to conditions that cannot be evaluated here.
        variables: Task sequence variables set before the first step (collection variables).
        background: When content that nobody waits for yet is not fetched.
        bandwidth: How fast content may be fetched at which hours; no two overlap.
        boundary: Which endpoints may be used where the machine is.
        packages: What is stated of packages by their ids. It counts before the catalog.
    """

    catalog: CatalogSettings
    endpoints: tuple[EndpointSettings, ...]
    options: DeploymentOptions = DeploymentOptions()
    client: ClientSettings = ClientSettings()
    launch: LaunchSettings = LaunchSettings()
    trust: TrustSettings = TrustSettings()
    transfer: TransferSettings = TransferSettings()
    content: ContentSettings = ContentSettings()
    cache: CacheSettings = CacheSettings()
    conditions: ConditionSettings = ConditionSettings()
    variables: dict[str, str] = {}
    background: BackgroundSettings = BackgroundSettings()
    bandwidth: tuple[BandwidthWindow, ...] = ()
    boundary: BoundarySettings = BoundarySettings()
    packages: dict[str, StatedPackage] = {}

    def with_seeds(self, seeds: Sequence[Path]) -> Deployment:
        """This deployment with more folders whose files are taken over (`CacheSettings.seeds`)."""
        more = (*self.cache.seeds, *(str(seed.absolute()) for seed in seeds))
        cache = msgspec.structs.replace(self.cache, seeds=more)
        return msgspec.structs.replace(self, cache=cache)

    @property
    def secret_variables(self) -> frozenset[str]:
        """Names of the environment variables that hold credentials of the endpoints."""
        endpoints = self.endpoints
        named = [name for e in endpoints for name in (e.token_env, e.sas_env) if name]
        return frozenset(named).union(*(secret_variables(e.web) for e in endpoints))
