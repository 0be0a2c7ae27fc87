"""A fetch by the settings of a deployment keeps to its boundary groups, as a run does."""

from __future__ import annotations

import asyncio
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from dlcore import FetchItem, fetch, fetch_many
from dlcore.deployment import (
    BandwidthWindow,
    BoundaryGroup,
    BoundarySettings,
    CatalogSettings,
    ClientSettings,
    Deployment,
    StatedPackage,
    TransferSettings,
    TrustSettings,
)
from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.download.retry import UNLIMITED, Retry
from dlcore.engine.events import BoundaryChanged, Event
from dlcore.engine.fetching.access import Access
from dlcore.engine.fetching.by_deployment import FetchSettings, with_deployment
from dlcore.engine.fetching.call import Call
from dlcore.engine.fetching.joint_download import JointDownload
from dlcore.engine.fetching.preview import preview_fetch
from dlcore.engine.fetching.rules import FetchRules
from dlcore.engine.fetching.site import NamedSite
from dlcore.engine.listeners.bus import EventBus
from dlcore.errors import (
    ConfigError,
    ContentNotFoundError,
    DlcoreError,
    ExhaustedError,
    IntegrityError,
)
from dlcore.manifest import FolderDigests, content_hash
from dlcore.model import EndpointKind, EndpointSettings
from dlcore.publish import publish
from dlcore.schedule import Terms
from dlcore.store import Package, Store
from tests.engine.fakes import FakeEndpoint, package
from tests.engine.test_boundaries import BRANCH, HOME, SETTINGS
from tests.engine.virtual_time import virtually
from tests.machine.told import ToldMachine
from tests.publish.library import write_library
from tests.store.helpers import BLOCK_BYTES

FILES = {"setup.exe": bytes(range(256)) * 40, "read.me": b"read me"}
ELSEWHERE = BoundaryGroup("office", ("office",), sites=("a site of no machine",))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published package, which no test changes."""
    root = tmp_path_factory.mktemp("by deployment")
    for name, content in FILES.items():
        (root / "source").mkdir(exist_ok=True)
        (root / "source" / name).write_bytes(content)
    publish(root / "source", package_id="ABC00012", destination=str(root / "site"))
    return root / "site"


def deployment_of(site: Path, *folders: str, **settings: Any) -> Deployment:
    """The machine is in no group: ``near`` is used first there, then ``far``; never ``office``.

    Args:
        site: The site; each endpoint is a copy of it beside it, or what a test made there.
        folders: Names of the endpoints that have the package; the others have nothing.
        settings: More settings.
    """
    root = site.parent / "-".join(("endpoints", *folders))
    for name in ("office", "near", "far"):
        if not (root / name).is_dir():
            if name in folders:
                shutil.copytree(site, root / name)
            else:
                (root / name).mkdir(parents=True)
    endpoints = [
        EndpointSettings(name=name, kind=EndpointKind.FILE, url=str(root / name))
        for name in ("office", "near", "far")
    ]
    boundary = BoundarySettings((ELSEWHERE,), site_default=("near",), cloud=("far",))
    return Deployment(
        CatalogSettings(path=str(site / "catalog.json")),
        tuple(endpoints),
        **{"boundary": boundary, "client": ClientSettings(allow_cloud_dp=True), **settings},
    )


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def test_only_the_groups_of_the_place_serve_a_fetch_and_the_result_names_them(
    site: Path, tmp_path: Path
) -> None:
    """Fault: the line to an office is not for the machine that fetches a package. dlcore does not
    fetch over it.
    """
    events: list[Event] = []
    deployment = deployment_of(site, "office", "near", "far")
    fetched = await fetch(
        "ABC00012",
        to=tmp_path / "to",
        deployment=deployment,
        deliveries=tmp_path / "records",
        on_event=events.append,
    )
    assert held(tmp_path / "to") == FILES
    assert set(fetched.endpoints) == {"near"}
    assert fetched.boundary
    assert fetched.boundary.groups == {"site default": ("near",)}
    assert fetched.boundary.by_fallback == ()
    changes = [event for event in events if isinstance(event, BoundaryChanged)]
    assert [(change.cause, [*change.groups]) for change in changes] == [("began", ["site default"])]


async def test_what_the_groups_of_the_place_lack_comes_by_fallback(
    site: Path, tmp_path: Path
) -> None:
    """Fault: the server beside the machine lacks what is fetched. dlcore uses the next boundary
    group, and says so.
    """
    events: list[Event] = []
    (result,) = await fetch_many(
        [FetchItem("ABC00012")],
        to=tmp_path / "to",
        deployment=deployment_of(site, "office", "far"),
        deliveries=tmp_path / "records",
        on_event=events.append,
    )
    assert result.fetched
    assert held(tmp_path / "to" / "ABC00012") == FILES
    assert set(result.fetched.endpoints) == {"far"}
    assert result.fetched.boundary
    assert list(result.fetched.boundary.groups) == ["site default", "cloud"]
    assert result.fetched.boundary.by_fallback == ("cloud",)
    causes = [event.cause for event in events if isinstance(event, BoundaryChanged)]
    assert causes == ["began", "fallback"]


@pytest.mark.parametrize("many", [False, True])
async def test_what_only_a_forbidden_endpoint_has_is_not_fetched(
    site: Path, tmp_path: Path, many: bool
) -> None:
    deployment = deployment_of(site, "office")
    how: Any = {
        "deployment": deployment,
        "deliveries": tmp_path / "records",
        "retry": Retry(0),
    }
    if many:
        (result,) = await fetch_many([FetchItem("ABC00012")], to=tmp_path / "to", **how)
        error = result.error
    else:
        with pytest.raises(ExhaustedError) as raised:
            await fetch("ABC00012", to=tmp_path / "to", **how)
        error = raised.value
    assert isinstance(error, ContentNotFoundError)


async def test_where_no_group_allows_an_endpoint_the_error_says_so(
    site: Path, tmp_path: Path
) -> None:
    deployment = deployment_of(site, "office", boundary=BoundarySettings((ELSEWHERE,)))
    with pytest.raises(ExhaustedError, match="no boundary group allows an endpoint"):
        await fetch(
            "ABC00012",
            to=tmp_path / "to",
            deployment=deployment,
            deliveries=tmp_path / "records",
            retry=Retry(0),
        )


def previewing(deployment: Deployment, to: Path) -> Call:
    given = FetchSettings(NamedSite(()), Access(), None, ())
    by = with_deployment(given, deployment, lambda _: None, is_dry_run=True)
    return Call(by.site, by.access, to, Deliveries(to / "records"), rules=by.rules)


async def test_a_dry_run_asks_what_may_be_used_now_or_after_fallback(
    site: Path, tmp_path: Path
) -> None:
    call = previewing(deployment_of(site, "office", "far"), tmp_path)
    preview = await preview_fetch(FetchItem("ABC00012"), call)
    served = {name: answer.objects for name, answer in preview.endpoints.items()}
    assert served == {"near": 0, "far": preview.objects_to_fetch}
    assert preview.boundary
    assert preview.boundary.by_fallback == ("cloud",)
    only_there = previewing(deployment_of(site, "office"), tmp_path)
    with pytest.raises(ExhaustedError):
        await preview_fetch(FetchItem("ABC00012"), only_there)


async def test_without_groups_every_endpoint_is_used(site: Path, tmp_path: Path) -> None:
    deployment = deployment_of(site, "office", boundary=BoundarySettings())
    fetched = await fetch(
        "ABC00012", to=tmp_path / "to", deployment=deployment, deliveries=tmp_path / "records"
    )
    assert set(fetched.endpoints) == {"office"}
    assert fetched.boundary is None


def test_a_fetch_that_goes_on_in_another_network_keeps_to_its_groups(tmp_path: Path) -> None:
    """Fault: a laptop leaves the office while it fetches a package. dlcore fetches the rest at home
    from the cloud.
    """
    large = package("ABC00001", {"x": 400 * BLOCK_BYTES})
    machine = ToldMachine(adapters=BRANCH)
    endpoints = {
        name: FakeEndpoint(name, {"ABC00001": large}, rate_bytes_per_s=20_000.0)
        for name in ("cmg", "dp2", "dp")
    }
    deployment = Deployment(CatalogSettings(path="catalog.json"), (), boundary=SETTINGS)

    async def main() -> None:
        rules = FetchRules(deployment, lambda _: None, machine=machine)
        await rules.begin()
        sources = [(endpoint, Terms(2)) for endpoint in endpoints.values()]
        joint = JointDownload({"ABC00001": sources}, EventBus(), rules=rules)
        with Store.open(tmp_path / "state") as store:
            described = Package(large.manifest, large.document)
            filling = asyncio.ensure_future(joint.fill("ABC00001", described, store))
            try:
                await asyncio.sleep(10)
                assert not endpoints["cmg"].delivered_bytes
                machine.tell(adapters=HOME)
                await asyncio.sleep(6)
                in_office = endpoints["dp"].delivered_bytes
                await filling
            finally:
                await joint.aclose()
        assert rules.groups
        assert list(rules.groups.groups) == ["cloud"]
        assert endpoints["dp"].delivered_bytes == in_office > 0
        assert endpoints["cmg"].delivered_bytes

    virtually(main())
    assert not endpoints["dp2"].asked


def test_the_hours_of_the_schedule_hold(tmp_path: Path) -> None:
    """Fault: a package is fetched at an hour at which the settings allow only a low rate. dlcore
    keeps to it.
    """
    small = package("ABC00001", {"x": 20 * BLOCK_BYTES})
    always = BandwidthWindow(rate_bytes_per_s=1024)
    settings = Deployment(CatalogSettings(path="catalog.json"), (), bandwidth=(always,))

    async def main() -> float:
        rules = FetchRules(settings, lambda _: None, machine=ToldMachine())
        await rules.begin()
        endpoint = FakeEndpoint("a", {"ABC00001": small})
        joint = JointDownload({"ABC00001": [(endpoint, Terms(2))]}, EventBus(), rules=rules)
        began_s = asyncio.get_running_loop().time()
        with Store.open(tmp_path / "state") as store:
            try:
                await joint.fill("ABC00001", Package(small.manifest, small.document), store)
            finally:
                await joint.aclose()
        return asyncio.get_running_loop().time() - began_s

    assert virtually(main()) > small.manifest.content_bytes / 1024 / 2


def given(**named: Any) -> FetchSettings:
    return FetchSettings(NamedSite(named.pop("endpoints", ()), **named), Access(), None, ())


@pytest.mark.parametrize(
    "named",
    [{"endpoints": ["site"]}, {"catalog": Path("c")}, {"trust_root": Path("r")}],
    ids=lambda named: next(iter(named)),
)
def test_a_deployment_alone_says_where_from(site: Path, named: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="both a deployment and"):
        with_deployment(given(**named), deployment_of(site, "near"), lambda _: None)


def test_the_settings_count_where_nothing_else_is_given(site: Path) -> None:
    deployment = deployment_of(
        site,
        "near",
        transfer=TransferSettings(timeout_s=7.0, retry_time_s=60),
        trust=TrustSettings("root.json"),
    )
    by = with_deployment(given(), deployment, lambda _: None)
    assert (by.access.timeout_s, by.retry) == (7.0, Retry(UNLIMITED, total_s=60.0))
    assert by.site.trust_root == Path("root.json")
    own = FetchSettings(NamedSite(()), Access(timeout_s=3.0), Retry(5), ())
    assert with_deployment(own, deployment, lambda _: None).access.timeout_s == 3.0
    assert with_deployment(own, deployment, lambda _: None).retry == Retry(5)


def test_a_deployment_without_an_endpoint_for_this_client_is_refused(site: Path) -> None:
    cloud = EndpointSettings(name="blob", kind=EndpointKind.BLOB, url="https://blob.contoso.com/c")
    deployment = Deployment(CatalogSettings(path=str(site / "catalog.json")), (cloud,))
    with pytest.raises(ConfigError, match='blob: the client setting "Allow access to cloud'):
        with_deployment(given(), deployment, lambda _: None)


@pytest.mark.parametrize("many", [False, True])
async def test_a_file_at_a_url_is_not_fetched_by_a_deployment(
    site: Path, tmp_path: Path, many: bool
) -> None:
    url, error = "http://192.0.2.1/tool.exe", None
    how: Any = {
        "to": tmp_path / "to",
        "deployment": deployment_of(site, "near"),
        "deliveries": tmp_path / "records",
    }
    try:
        if many:
            (result,) = await fetch_many([FetchItem(url, "0" * 64)], **how)
            error = result.error
        else:
            await fetch(url, sha256="0" * 64, **how)
    except DlcoreError as raised:
        error = raised
    assert isinstance(error, ConfigError)
    assert "is not a package" in error.message


OLD_FILES = {"setup.exe": b"the setup of another version"}
"""What a content library has of the package, which the site has published otherwise."""

OLD_HASH = content_hash(
    FolderDigests({name: sha256(data).digest() for name, data in OLD_FILES.items()})
)


def stating(site: Path, folder: Path, told: str, **settings: Any) -> Deployment:
    """Settings that state a content hash; the content library is the first endpoint."""
    library = write_library(folder / "SCCMContentLib", OLD_FILES)
    endpoints = (
        EndpointSettings(name="dp", kind=EndpointKind.CONTENT_LIBRARY, url=str(library)),
        EndpointSettings(name="site", kind=EndpointKind.FILE, url=str(site)),
    )
    stated = {"ABC00012": StatedPackage(told)}
    catalog = settings.pop("catalog", CatalogSettings(endpoint="site"))
    return Deployment(catalog, endpoints, packages=stated, **settings)


@pytest.mark.parametrize("catalog", [CatalogSettings(endpoint="site"), CatalogSettings()])
@pytest.mark.parametrize("many", [False, True])
async def test_a_content_hash_that_is_stated_counts_before_the_catalog(
    site: Path, tmp_path: Path, catalog: CatalogSettings, many: bool
) -> None:
    deployment = stating(site, tmp_path, OLD_HASH, catalog=catalog)
    how: Any = {"deployment": deployment, "deliveries": tmp_path / "records"}
    if many:
        (result,) = await fetch_many([FetchItem("ABC00012")], to=tmp_path, **how)
        fetched = result.fetched
    else:
        fetched = await fetch("ABC00012", to=tmp_path / "ABC00012", **how)
    assert fetched
    assert held(tmp_path / "ABC00012") == OLD_FILES
    assert (fetched.truth, fetched.stated_hash) == ("content-library", "equal")


@pytest.mark.parametrize("catalog", [CatalogSettings(endpoint="site"), CatalogSettings()])
async def test_what_does_not_have_the_stated_hash_is_not_fetched(
    site: Path, tmp_path: Path, catalog: CatalogSettings
) -> None:
    """Fault: a deployment file states a content hash that nothing at its endpoints has, and a
    package is fetched by that file. dlcore names both hashes, and fetches nothing.
    """
    deployment = stating(site, tmp_path, "0" * 64, catalog=catalog)
    with pytest.raises(IntegrityError, match="0" * 64):
        await fetch(
            "ABC00012", to=tmp_path / "to", deployment=deployment, deliveries=tmp_path / "records"
        )
    assert not (tmp_path / "to").exists()
