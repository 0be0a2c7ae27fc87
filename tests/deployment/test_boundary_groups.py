"""Which boundary groups a machine is in, what it may use there, and what the file says wrong."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.deployment import (
    BoundaryGroup,
    BoundarySettings,
    Check,
    CheckOutcome,
    Deployment,
    Fallback,
    Place,
    current_groups,
    parse_deployment,
    usable_endpoints,
    way_of,
)
from dlcore.deployment.boundary_groups import CLOUD, SITE_DEFAULT
from dlcore.errors import ConfigError
from tests.deployment.helpers import DP, GOOD_FACTS, check_named, deployed

PATH = Path("/etc/dlcore/d.toml")
BRANCH = BoundaryGroup(
    "branch",
    ("dp-branch",),
    subnets=("10.20.0.0/16", "fd00:20::/32"),
    fallback_min={"head": 10, "far": 60},
)
HEAD = BoundaryGroup("head", ("dp-head",), subnets=("10.1.0.0/16",), fallback_min={"branch": 5})
FAR = BoundaryGroup("far", ("dp-far",), sites=("Far",))
VPN = BoundaryGroup("vpn", ("cmg1",), adapters=("*AnyConnect*",), vpn=True)
SETTINGS = BoundarySettings(
    (BRANCH, HEAD, FAR, VPN), site_default=("dp-central",), site_default_min=30, cloud=("cmg1",)
)
OFFICE = Place(frozenset({"10.20.3.4", "fe80::1%eth0"}))


def names(settings: BoundarySettings, place: Place) -> list[str]:
    return [stage.group for stage in way_of(settings, place).stages]


def test_neighbors_follow_in_the_order_of_their_fallback_times() -> None:
    way = way_of(SETTINGS, OFFICE)
    told = [(stage.group, stage.endpoints, stage.after_s) for stage in way.stages]
    assert told == [
        ("branch", ("dp-branch",), 0.0),
        ("head", ("dp-head",), 600.0),
        (SITE_DEFAULT, ("dp-central",), 1800.0),
        ("far", ("dp-far",), 3600.0),
        (CLOUD, ("cmg1",), 7200.0),
    ]
    assert way.at_once == 1
    assert way.stages[0].why == "10.20.3.4 is in 10.20.0.0/16"


def test_an_unknown_network_falls_to_the_site_default_then_to_the_cloud() -> None:
    home = Place(frozenset({"192.168.1.2"}))
    assert current_groups(SETTINGS, home) == {}
    way = way_of(SETTINGS, home)
    assert [(stage.group, stage.after_s) for stage in way.stages] == [
        (SITE_DEFAULT, 0.0),
        (CLOUD, 0.0),
    ]
    assert way.at_once == 1
    assert way.due(1, 0.0, Fallback.WAIT) == 2
    assert names(BoundarySettings((BRANCH,)), home) == []


@pytest.mark.parametrize(
    ("place", "group", "why"),
    [
        (Place(frozenset({"fd00:20::7"})), "branch", "fd00:20::7 is in fd00:20::/32"),
        (Place(site="far"), "far", "the Active Directory site is far"),
        (Place(has_tunnel=True), "vpn", "a VPN is connected"),
        (
            Place(adapters=frozenset({"Cisco anyconnect Adapter"})),
            "vpn",
            'the adapter "Cisco anyconnect Adapter" is connected',
        ),
    ],
)
def test_a_machine_is_in_a_group_by_one_of_its_boundaries(
    place: Place, group: str, why: str
) -> None:
    assert current_groups(SETTINGS, place) == {group: why}


def test_a_machine_in_several_groups_uses_all_of_them_alike() -> None:
    both = Place(frozenset({"10.20.3.4", "10.1.0.9"}))
    way = way_of(SETTINGS, both)
    assert way.ranks(1) == {"dp-branch": 0, "dp-head": 0}
    assert [stage.group for stage in way.stages[1:]] == [SITE_DEFAULT, "far", CLOUD]


def test_a_preferred_cloud_goes_before_all_others_from_the_beginning() -> None:
    settings = BoundarySettings((HEAD, BRANCH), cloud=("cmg1",), prefer_cloud=True)
    way = way_of(settings, Place(frozenset({"10.1.0.9"})))
    assert way.ranks(way.at_once) == {"cmg1": 0, "dp-head": 1}
    assert CLOUD not in [stage.group for stage in way.stages[way.at_once :]]


def test_one_group_after_another_where_times_are_only_an_order() -> None:
    way = way_of(SETTINGS, OFFICE)
    assert [way.due(opened, 0.0, Fallback.ORDER) for opened in (1, 2, 5)] == [2, 3, 5]
    assert way.due(1, 599.0, Fallback.WAIT) == 1
    assert way.due(1, 1800.0, Fallback.WAIT) == 3


ENDPOINTS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=2).map(tuple)
MINUTES = st.integers(0, 200)
PLACES = st.builds(
    Place,
    st.frozensets(st.sampled_from(["10.20.3.4", "10.1.0.9", "10.30.0.1", "fe80::1%3"])),
    st.frozensets(st.sampled_from(["AnyConnect", "Ethernet"])),
    st.booleans(),
    st.sampled_from(["", "Far", "Near"]),
)


@st.composite
def layouts(draw: st.DrawFn) -> BoundarySettings:
    groups = []
    subnets = ["10.20.0.0/16", "10.1.0.0/16", "10.30.0.0/16"]
    for name in ("x", "y", "z"):
        neighbors = st.sampled_from([other for other in "xyz" if other != name])
        groups.append(
            BoundaryGroup(
                name,
                draw(ENDPOINTS),
                tuple(draw(st.lists(st.sampled_from(subnets), max_size=2))),
                draw(st.sampled_from([(), ("Far",)])),
                draw(st.sampled_from([(), ("any*",)])),
                vpn=draw(st.booleans()),
                fallback_min=draw(st.dictionaries(neighbors, MINUTES)),
            )
        )
    return BoundarySettings(
        tuple(groups),
        *(draw(ENDPOINTS), draw(MINUTES), draw(ENDPOINTS), draw(MINUTES)),
        prefer_cloud=draw(st.booleans()),
    )


FALLBACKS = st.sampled_from(Fallback)


@given(layouts(), PLACES, FALLBACKS, st.integers(0, 9), st.floats(0, 20_000), st.floats(0, 20_000))
def test_what_may_be_used_once_stays_in_use(
    settings: BoundarySettings,
    place: Place,
    fallback: Fallback,
    opened: int,
    earlier_s: float,
    more_s: float,
) -> None:
    way = way_of(settings, place)
    opened = min(opened, len(way.stages))
    before = way.due(opened, earlier_s, fallback)
    assert before >= min(opened, len(way.stages))
    assert way.due(opened, earlier_s + more_s, fallback) >= before
    ranks, later = way.ranks(before), way.ranks(way.due(before, earlier_s, fallback))
    assert ranks.items() <= later.items()


@given(layouts(), PLACES)
def test_groups_follow_by_their_times_and_never_before_the_current_ones(
    settings: BoundarySettings, place: Place
) -> None:
    way = way_of(settings, place)
    times_s = [stage.after_s for stage in way.stages]
    assert times_s == sorted(times_s)
    assert way.at_once <= len(way.stages)
    if not settings.prefer_cloud and current_groups(settings, place):
        assert way.stages[0].group == ", ".join(current_groups(settings, place))


@given(layouts(), PLACES, FALLBACKS, st.floats(0, 20_000))
def test_no_endpoint_is_used_that_no_group_allows(
    settings: BoundarySettings, place: Place, fallback: Fallback, failing_s: float
) -> None:
    way = way_of(settings, place)
    current = current_groups(settings, place)
    groups = {group.name: group for group in settings.groups}
    allowed = {*settings.site_default, *settings.cloud}
    for name in current:
        allowed.update(groups[name].endpoints)
        for neighbor in groups[name].fallback_min:
            allowed.update(groups[neighbor].endpoints)
    assert set(way.ranks(len(way.stages))) <= allowed
    if fallback is Fallback.WAIT:
        late = {e for s in way.stages[way.at_once :] if s.after_s > failing_s for e in s.endpoints}
        soon = {e for s in way.stages if s.after_s <= failing_s for e in s.endpoints}
        assert not (late - soon) & set(way.ranks(way.due(0, failing_s, fallback)))


# The file

ENDPOINT_TABLES = """
[catalog]
path = "catalog.json"
[[endpoint]]
name = "dp-branch"
kind = "dp"
url = "http://dp1.corp.contoso.com"
[[endpoint]]
name = "dp-head"
kind = "dp"
url = "http://dp2.corp.contoso.com"
"""


def parsed(text: str) -> Deployment:
    return parse_deployment((ENDPOINT_TABLES + text).encode(), PATH)


GROUP = """
[[boundary.group]]
name = "branch"
endpoints = ["dp-branch"]
subnets = ["10.20.0.0/16"]
"""


def test_the_table_is_read() -> None:
    text = f"[boundary]\nfallback = 'wait'\nsite_default = ['dp-head']\n{GROUP}"
    settings = parsed(text).boundary
    group = BoundaryGroup("branch", ("dp-branch",), ("10.20.0.0/16",))
    assert settings == BoundarySettings((group,), ("dp-head",), fallback=Fallback.WAIT)
    assert not parsed("").boundary


def test_with_groups_distribution_points_are_used_where_these_say() -> None:
    assert all(obstacle for _, obstacle in usable_endpoints(parsed("")))
    assert not any(obstacle for _, obstacle in usable_endpoints(parsed(GROUP)))


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        (
            GROUP.replace("dp-branch", "dp-brunch"),
            'no endpoint is named "dp-brunch" (did you mean dp-branch?)',
            "Names of endpoints in this file: dp-branch, dp-head",
        ),
        ("[boundary]\ncloud = ['cmg9']\n" + GROUP, 'no endpoint is named "cmg9"', ""),
        (GROUP.replace("10.20.0.0/16", "10.20.3.4/16"), "an address", 'Write "10.20.0.0/16"'),
        (GROUP.replace("10.20.0.0/16", "10.20"), "10.20 is not a subnet", "as in"),
        (GROUP.replace("10.20.0.0/16", "10.20.0.0"), "10.20.0.0 is not a subnet", "its prefix"),
        (
            GROUP + "fallback_min = {branhc = 5}",
            "did you mean branch?",
            "Names of groups in this file: branch",
        ),
        (GROUP + "fallback_min = {branch = 5}", "names the group itself", "neighbors"),
        (
            GROUP + "fallback_min = {head = -1}",
            'boundary.group "branch".fallback_min."head": must be 0 or more',
            "minutes, 0 or more",
        ),
        (
            GROUP + "fallback_min = {head = '30 min'}",
            'boundary.group "branch".fallback_min."head": must be a whole number, not text',
            "Allowed: a whole number of minutes, 0 or more, without quotes or unit.",
        ),
        (GROUP + "fallback_min = 5", '"branch".fallback_min is not a table', "{NAME = VALUE"),
        (GROUP + "adapters = [3]", "adapters: item 1 must be text, not a whole number", ""),
        (GROUP.replace('"branch"', '"branch "'), "begins or ends with a space", ""),
        ("[boundary]\nfallback = 'wiat'" + GROUP, "(did you mean wait?)", '"order", "wait"'),
        ("[boundary]\ncloud_min = 1.5" + GROUP, "not a decimal number", "minutes"),
        ("[boundary.group]", "boundary.group: not a list of tables", "[[boundary.group]]"),
        (GROUP + "subnet = []", "did you mean subnets?", "Known keys"),
        (GROUP + GROUP, '2 groups are named "branch"', "its own name"),
        (GROUP.replace("subnets", "#"), "has no boundary", "Write subnets"),
        (GROUP.replace('"branch"', '"cloud"'), "cannot be used as a name", ""),
        ("[boundary]\nprefer_cloud = true", "has no group", "leave the table"),
        ("[boundary]\ncloud_mins = 1\n" + GROUP, "did you mean cloud_min?", "site_default"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(text: str, problem: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as failure:
        parsed(text)
    assert problem in failure.value.message
    assert remedy in f"{failure.value.message} {failure.value.remedy}"


HEAD_TABLE = """
[[boundary.group]]
name = "head"
endpoints = ["dp-head"]
subnets = ["10.1.0.0/16"]
fallback_min = {branch = 5}
"""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("endpoints", "endpoint"),
        ("subnets", "subnet"),
        ("10.20.0.0/16", "10.20.0.0/99"),
        ('["dp-branch"]', '"dp-branch"'),
        ("dp-branch", "dp-brunch"),
        ('["10.20.0.0/16"]', '["10.20.0.0/16"]\nfallback_min = {head = "5 min"}'),
        ('["10.20.0.0/16"]', '["10.20.0.0/16"]\nvpn = "yes"'),
        ('name = "branch"', "name = 3"),
    ],
)
def test_a_group_is_not_blamed_for_what_is_wrong_with_another(right: str, wrong: str) -> None:
    with pytest.raises(ConfigError) as failure:
        parsed(GROUP.replace(right, wrong) + HEAD_TABLE)
    where = "number 1" if wrong == "name = 3" else '"branch"'
    assert failure.value.message.startswith(f"{PATH}: boundary.group {where}")
    assert not failure.value.problems


# The check


def checked(settings: BoundarySettings, place: Place | None, *names: str) -> Check:
    endpoints = tuple(msgspec.structs.replace(DP, name=name) for name in names)
    facts = deployed(GOOD_FACTS, boundary=settings, endpoints=endpoints)
    return check_named("boundary-groups", msgspec.structs.replace(facts, place=place))


ALL = ("dp-branch", "dp-head", "dp-far", "dp-central", "cmg1")


def test_the_check_says_which_group_the_machine_is_in_and_why() -> None:
    waiting = msgspec.structs.replace(SETTINGS, fallback=Fallback.WAIT)
    assert checked(waiting, OFFICE, *ALL) == Check(
        "boundary-groups",
        CheckOutcome.PASSED,
        "branch (dp-branch), because 10.20.3.4 is in 10.20.0.0/16; then after 10 min head"
        " (dp-head); then after 30 min site default (dp-central); then after 60 min far (dp-far);"
        " then after 120 min cloud (cmg1)",
    )
    assert "; then head (dp-head)" in checked(SETTINGS, OFFICE, *ALL).detail


def test_a_place_without_an_endpoint_fails_the_check() -> None:
    """Fault: no boundary group allows an endpoint where the machine is. Preflight says so."""
    check = checked(BoundarySettings((BRANCH, HEAD, FAR)), Place(frozenset({"192.0.2.1"})), *ALL)
    assert check.outcome is CheckOutcome.FAILED
    assert "addresses: 192.0.2.1" in check.detail
    assert "boundary.cloud" in check.remedy


@pytest.mark.parametrize(
    ("group", "doubt"),
    [
        (
            BoundaryGroup("lab", ("dp-lab",), subnets=("10.20.7.0/24",)),
            'boundary.group "branch".subnets: 10.20.0.0/16 overlaps 10.20.7.0/24 of group "lab"',
        ),
        (BoundaryGroup("lab", vpn=True), 'boundary.group "lab".endpoints: is empty'),
        (
            BoundaryGroup("lab", ("dp-head",), vpn=True),
            "boundary: dp-lab is in the endpoints of no group",
        ),
    ],
)
def test_groups_that_are_probably_not_meant_so_are_told(group: BoundaryGroup, doubt: str) -> None:
    settings = msgspec.structs.replace(SETTINGS, groups=(*SETTINGS.groups, group))
    check = checked(settings, OFFICE, *ALL, "dp-lab")
    assert check.outcome is CheckOutcome.WARNING
    assert doubt in check.detail


def test_a_network_that_is_not_known_is_not_judged() -> None:
    assert checked(SETTINGS, None, *ALL).outcome is CheckOutcome.NOT_EXAMINED
    assert checked(BoundarySettings(), None).outcome is CheckOutcome.DOES_NOT_APPLY
