"""The written file is a deployment file; the nearest endpoints come first, secrets stay out."""

from __future__ import annotations

import tomllib
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from dlcore.deployment import Deployment, StatedPackage, parse_deployment
from dlcore.locations import Access, Location, Package, SiteDocument, deployment_file, endpoints_of
from dlcore.model import EndpointKind

PATH = Path("deployment.toml").absolute()
DP = EndpointKind.DP
FOLDER = "SMS_DP_SMSPKG$"
CMG = Location("ABC00012", "https://cmg1.contoso.com", EndpointKind.CMG, Access.REGISTRATION)
LOCALITIES = ("SUBNETPEER", "SUBNET", "LOCAL", "", "ELSEWHERE", "FALLBACK")


def location(host: str, locality: str = "", content: str = "ABC00012") -> Location:
    return Location(content, f"{host}/{FOLDER}", DP, Access.WINDOWS, locality)


def written(*told: SiteDocument) -> str:
    return deployment_file(told, catalog="catalog.json")


def read(text: str) -> Deployment:
    return parse_deployment(text.encode(), PATH)


def told(*locations: Location, secrets: tuple[str, ...] = ()) -> SiteDocument:
    packages = tuple(Package(content) for content in {each.content for each in locations})
    return SiteDocument("reply.xml", locations, packages, secrets)


def test_the_nearest_comes_first_and_the_cloud_last() -> None:
    near = [location(f"http://{name or 'untold'}", name) for name in LOCALITIES]
    found = endpoints_of([CMG, *reversed(near)])
    names = [each.name for each in found]
    assert set(names[:2]) == {"subnetpeer", "subnet"}
    assert set(names[2:4]) == {"local", "untold"}
    assert names[4:] == ["elsewhere", "fallback", "cmg1.contoso.com"]
    assert [each.cost for each in found] == [0, 0, 0, 0, 0, 1, 2]


def test_a_locality_counts_that_only_one_document_tells() -> None:
    found = endpoints_of([location("http://dp1"), location("http://dp1", "FALLBACK")])
    assert [(each.cost, each.localities) for each in found] == [(1, ("FALLBACK",))]


def test_with_tls_where_both_are_told() -> None:
    text = written(told(location("http://dp1"), location("https://dp1")))
    assert [each.url for each in read(text).endpoints] == [f"https://dp1/{FOLDER}"]
    assert f"# also named: http://dp1/{FOLDER}" in text


def test_other_ports_and_other_folders_are_other_endpoints() -> None:
    other = Location("ABC00012", "https://dp1/NOCERT_SMS_DP_SMSPKG$", DP, Access.NO_CERTIFICATE)
    endpoints = endpoints_of([location("https://dp1"), location("https://dp1:444"), other])
    assert [each.name for each in endpoints] == ["dp1", "dp1 (2)", "dp1 (3)"]


def test_what_an_endpoint_has_is_said_where_it_is_not_all() -> None:
    text = written(told(location("http://dp1"), location("http://dp2", content="ABC00013")))
    assert "# named for ABC00012 only" in text
    alone = told(location("http://dp1"), location("http://dp1", content="ABC00013"))
    assert "only" not in written(alone)


def test_a_token_is_named_where_it_can_be_sent() -> None:
    with_tls = Location("ABC00012", f"https://dp1/{FOLDER}", DP, Access.TOKEN)
    without = Location("ABC00012", f"http://dp2/{FOLDER}", DP, Access.TOKEN)
    first, second, third = read(written(told(with_tls, without, CMG))).endpoints
    assert first.token_env == "DLCORE_DP_TOKEN"
    assert second.token_env == ""
    assert third.token_env == "DLCORE_CMG_TOKEN"


def test_a_token_among_the_variables_is_offered_and_not_taken() -> None:
    text = written(told(location("https://dp1"), secrets=("_SMSTSDPAuthToken",)))
    assert "# token_env =" in text
    assert read(text).endpoints[0].token_env == ""


def test_a_distribution_point_is_for_the_intranet_and_a_cmg_for_the_cloud() -> None:
    assert not read(written(told(location("http://dp1")))).client.on_internet
    client = read(written(told(CMG))).client
    assert client.on_internet
    assert client.allow_cloud_dp


def test_documents_that_contradict_each_other_are_both_told() -> None:
    first = SiteDocument("a", (location("http://dp1"),), (Package("ABC00012", 3, "AB" * 32),))
    second = SiteDocument("b", (), (Package("ABC00012", 4, "AB" * 32),))
    assert f"# ABC00012: version 3 or 4, content hash {'AB' * 32}\n" in written(first, second)
    assert read(deployment_file([first, second])).packages == {}, "which version has it?"


def test_a_hash_that_is_told_states_the_package() -> None:
    application = "Content_4f1d9a3e-0c52-4b0a-9d55-6d1c5b0e7a11"
    packages = (
        Package("ABC00012", 3, "AB" * 32),
        Package("ABC00013", None, "CD" * 32),
        Package("ABC00014", 5),
        Package(application, 2, "EF" * 32),
    )
    text = deployment_file([SiteDocument("a", (location("http://dp1"),), packages)])
    found = read(text)
    assert found.packages == {
        "ABC00012": StatedPackage("AB" * 32, 3),
        "ABC00013": StatedPackage("CD" * 32),
    }
    assert not found.catalog.path
    assert "# ABC00014: version 5, content hash not stated\n" in text
    assert f"# {application}: version 2" in text


def test_with_a_catalog_hashes_are_comments() -> None:
    package = Package("ABC00012", 3, "AB" * 32)
    site = SiteDocument("a", (location("http://dp1"),), (package,))
    found = read(written(site))
    assert (found.packages, found.catalog.path) == ({}, str(PATH.with_name("catalog.json")))
    other = SiteDocument("b", (), (Package("ABC00012", 3, "CD" * 32),))
    contradicting = read(deployment_file([site, other]))
    assert (contradicting.packages, bool(contradicting.catalog.path)) == ({}, True)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")).filter(str.strip))
@example("\x7f")
def test_the_catalog_is_the_path_that_was_given(path: str) -> None:
    """Law: whatever the path of the catalog is, the file names it."""
    text = deployment_file([told(location("http://dp1"))], catalog=path)
    assert tomllib.loads(text)["catalog"]["path"] == path


@given(st.text(), st.text(), st.text())
def test_no_text_of_a_document_gets_out_of_its_comment(source: str, near: str, more: str) -> None:
    """Law: whatever a site tells, the file has the same settings."""
    plain = read(written(told(location("http://dp1"))))
    remarked = Location("ABC00012", f"http://dp1/{FOLDER}", DP, Access.WINDOWS, near, (more,))
    text = written(SiteDocument(source, (remarked,), (Package("ABC00012"),)))
    cost = 1 if near == "FALLBACK" else 0
    assert read(text).endpoints[0].cost == cost
    assert cost or read(text) == plain
