"""Laws of preflight: any set of faults is reported exactly, all and only those."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.deployment import (
    ClientSettings,
    Download,
    Facts,
    Launch,
    LaunchSettings,
    Need,
    StepNote,
    UnresolvedNeed,
    checks,
    failed,
    usable_endpoints,
)
from dlcore.model import EndpointKind
from tests.deployment.helpers import (
    BLOB,
    BUCKET,
    CLOUD_DP,
    CMG,
    DP,
    FOLDER,
    GOOD_FACTS,
    HTTP,
    client,
    deployed,
)

NOTE = StepNote(4, "A step", "a reason")
IDS = ["ABC00001", "ABC00002", "ABC00003", "ABC00004"]


def _options(facts: Facts, **changes: object) -> Facts:
    return deployed(facts, options=msgspec.structs.replace(facts.deployment.options, **changes))


def _cmg_without_content(facts: Facts) -> Facts:
    cmg, *others = facts.deployment.endpoints
    off = msgspec.structs.replace(cmg, serves_content=False)
    return deployed(facts, endpoints=(off, *others))


def _need(facts: Facts, package_id: str) -> tuple[Need, ...]:
    return (*facts.needs, Need(package_id, "Another step"))


def _undistributed(facts: Facts) -> Facts:
    assert isinstance(facts.catalog, frozenset)
    catalog = facts.catalog | {"ABC00003"}
    return msgspec.structs.replace(facts, needs=_need(facts, "ABC00003"), catalog=catalog)


# Faults that are independent of each other: the packages stay reachable through the mirror.
FAULTS: dict[str, Callable[[Facts], Facts]] = {
    "upgrade-sequence": lambda f: msgspec.structs.replace(f, upgrade_steps=()),
    "download-setting": lambda f: _options(f, download=Download.FROM_DP),
    "internet-allowed": lambda f: _options(f, allow_on_internet=False),
    "cmg-client-setting": lambda f: client(f, use_cmg=False),
    "cloud-dp-client-setting": lambda f: client(f, allow_cloud_dp=False),
    "cmg-serves-content": _cmg_without_content,
    "launch": lambda f: deployed(f, launch=LaunchSettings(Launch.PXE)),
    "unrunnable-steps": lambda f: msgspec.structs.replace(f, obstacles=(NOTE,)),
    "children-present": lambda f: msgspec.structs.replace(f, missing_children=(NOTE,)),
    "references-resolved": lambda f: msgspec.structs.replace(
        f, unresolved=(UnresolvedNeed("Apps", "%APP%"),)
    ),
    "catalog": lambda f: msgspec.structs.replace(f, needs=_need(f, "ABC00004")),
    "content-distributed": _undistributed,
    "disk-space": lambda f: msgspec.structs.replace(f, free_bytes=0),
}


def _with_faults(names: set[str]) -> Facts:
    facts = GOOD_FACTS
    for name in sorted(names):
        facts = FAULTS[name](facts)
    return facts


@settings(derandomize=True, max_examples=300)
@given(st.sets(st.sampled_from(sorted(FAULTS))))
def test_any_set_of_faults_is_reported_exactly(broken: set[str]) -> None:
    facts = _with_faults(broken)
    assert {check.name for check in failed(checks(facts))} == broken


@settings(derandomize=True, max_examples=300)
@given(st.sets(st.sampled_from(sorted(FAULTS))))
def test_without_an_endpoint_only_what_depends_on_one_is_not_reported(broken: set[str]) -> None:
    facts = deployed(_with_faults(broken), endpoints=(DP,))
    of_endpoints = {"cmg-client-setting", "cloud-dp-client-setting", "cmg-serves-content"}
    expected = broken - of_endpoints - {"content-distributed"} | {"endpoints"}
    assert {check.name for check in failed(checks(facts))} == expected


@settings(derandomize=True, max_examples=300)
@given(
    st.lists(st.sampled_from(IDS)),
    st.sets(st.sampled_from(IDS)),
    st.sets(st.sampled_from(IDS)) | st.just("timed out"),
    st.sets(st.sampled_from(IDS)) | st.just("timed out"),
)
def test_a_package_is_reported_once_by_the_check_whose_fault_it_is(
    needed: list[str], published: set[str], cmg: set[str] | str, mirror: set[str] | str
) -> None:
    held = {*(cmg if isinstance(cmg, set) else ()), *(mirror if isinstance(mirror, set) else ())}
    facts = msgspec.structs.replace(
        GOOD_FACTS,
        needs=tuple(Need(package, "A step") for package in needed),
        catalog=frozenset(published),
        holdings={
            "cmg1": cmg if isinstance(cmg, str) else frozenset(cmg),
            "mirror": mirror if isinstance(mirror, str) else frozenset(mirror),
        },
    )
    found = {check.name: check.detail for check in failed(checks(facts))}
    for package in IDS:
        unpublished = package in needed and package not in published
        absent = package in needed and package in published and package not in held
        assert found.get("catalog", "").count(package) == unpublished
        assert found.get("content-distributed", "").count(package) == absent


@settings(derandomize=True, max_examples=300)
@given(
    st.permutations([CMG, CLOUD_DP, DP, BLOB, BUCKET, HTTP, FOLDER]),
    st.builds(ClientSettings, on_internet=..., use_cmg=..., allow_cloud_dp=...),
    st.booleans(),
)
def test_endpoints_keep_their_order_and_are_usable_exactly_by_the_rules(
    endpoints: list[object], settings_: ClientSettings, serves: bool
) -> None:
    listed = tuple(
        msgspec.structs.replace(CMG, serves_content=serves) if e is CMG else e for e in endpoints
    )
    deployment = deployed(GOOD_FACTS, endpoints=listed, client=settings_).deployment
    candidates = usable_endpoints(deployment)
    assert tuple(candidate.endpoint for candidate in candidates) == listed
    usable = {
        EndpointKind.CMG: settings_.use_cmg and serves and settings_.allow_cloud_dp,
        EndpointKind.CLOUD_DP: settings_.allow_cloud_dp,
        EndpointKind.BLOB: settings_.allow_cloud_dp,
        EndpointKind.BUCKET: settings_.allow_cloud_dp,
        EndpointKind.DP: not settings_.on_internet,
        EndpointKind.HTTP: True,
        EndpointKind.FILE: True,
    }
    for endpoint, obstacle in candidates:
        assert usable[endpoint.kind] is (obstacle == "")
