"""``dlcore doctor`` on a gateway that runs, and on what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Site
from tests.cli.helpers import Here
from tests.others import touch_private


def outcomes(checks: list[dict[str, str]]) -> dict[str, str]:
    return {check["name"]: check["outcome"] for check in checks}


def test_a_gateway_that_serves_is_found_sound(here: Here, site: Site, tmp_path: Path) -> None:
    source = ("--from", f"cmg+{site.gateway.url}", *site.gateway.access)
    ended = here("doctor", *source, "--state", tmp_path / "state", "--json")
    (checks,) = ended.document["endpoints"].values()
    assert outcomes(checks) == {
        "proxy": "does-not-apply",
        "name": "passed",
        "connection": "passed",
        "certificate": "passed",
        "clock": "passed",
        "credentials": "passed",
        "catalog": "passed",
    }
    assert (ended.status, ended.document["sound"]) == (0, True)


@pytest.mark.wine_cannot(reason="trusts every certificate")
def test_an_authority_that_is_not_named_is_told_with_its_remedy(
    here: Here, site: Site, tmp_path: Path
) -> None:
    token = site.gateway.access[:2]
    source = ("--from", f"cmg+{site.gateway.url}", *token)
    ended = here("doctor", *source, "--state", tmp_path / "state")
    assert ended.status == 14
    assert "certificate FAILED" in " ".join(ended.out.split())
    assert "ca_file" in ended.out
    assert "Something failed" in ended.out


def test_a_token_that_is_not_accepted_is_told_and_not_shown(
    here: Here, site: Site, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    touch_private(token)
    token.write_text("canary")
    source = ("--from", f"cmg+{site.gateway.url}", *site.gateway.access[2:], "--token-file", token)
    ended = here("doctor", *source, "--state", tmp_path / "state", "--json")
    assert ended.status == 14
    (checks,) = ended.document["endpoints"].values()
    assert outcomes(checks)["connection"] == "passed"
    assert outcomes(checks)["catalog"] == "failed"
    assert "canary" not in ended.out + ended.err


def test_a_token_file_that_is_missing_is_told_though_nobody_answers(
    here: Here, tmp_path: Path
) -> None:
    source = ("--from", "cmg+https://127.0.0.1:9", "--token-file", tmp_path / "nothing")
    ended = here("doctor", *source, "--state", tmp_path / "state", "--json")
    (checks,) = ended.document["endpoints"].values()
    assert outcomes(checks)["credentials"] == "failed"
    assert outcomes(checks)["catalog"] == "not-examined"
    assert ended.status == 14


def test_a_published_folder_that_is_missing_fails(here: Here, tmp_path: Path) -> None:
    ended = here("doctor", "--from", tmp_path / "no", "--state", tmp_path / "state", "--json")
    (checks,) = ended.document["endpoints"].values()
    assert outcomes(checks) == {"folder": "failed", "catalog": "not-examined"}
    assert ended.status == 14


def test_the_endpoints_of_a_deployment_are_asked(here: Here, site: Site, tmp_path: Path) -> None:
    ended = here("doctor", "--config", site.gateway.config, "--state", tmp_path / "state", "--json")
    assert ended.document["endpoints"]
    assert (ended.status, ended.document["sound"]) == (0, True)


def settings(tmp_path: Path, site: Path, catalog: str) -> Path:
    """Settings with one endpoint, the folder ``site``."""
    config = tmp_path / "deployment.toml"
    endpoint = f"[[endpoint]]\nname = 'disk'\nkind = 'file'\npath = '{site}'\n"
    config.write_text(f"[catalog]\n{catalog}\n{endpoint}")
    return config


def test_a_catalog_that_a_deployment_cannot_use_is_told(
    here: Here, site: Site, tmp_path: Path
) -> None:
    """Fault: the deployment's own catalog is damaged or not there, and all endpoints are sound.
    The doctor says so.
    """
    right, damaged = site.published / "catalog.json", tmp_path / "damaged.json"
    damaged.write_bytes(right.read_bytes()[:-1])
    for catalog, outcome in (
        (f"path = '{right}'", "passed"),
        (f"path = '{right}'\nsha256 = '{'0' * 64}'", "failed"),
        (f"path = '{damaged}'", "failed"),
        (f"path = '{tmp_path / 'missing.json'}'", "failed"),
    ):
        config = settings(tmp_path, site.published, catalog)
        ended = here("doctor", "--config", config, "--state", tmp_path / "state", "--json")
        (checks,) = ended.document["endpoints"].values()
        assert outcomes(checks)["catalog"] == "passed"
        assert outcomes(ended.document["machine"])["deployment-catalog"] == outcome
        assert ended.status == (0 if outcome == "passed" else 14)
    assert not (tmp_path / "state").exists()


def test_without_an_endpoint_this_machine_is_examined(here: Here, tmp_path: Path) -> None:
    ended = here("doctor", "--state", tmp_path / "state")
    assert "No endpoint was asked" in ended.out
    assert ended.err == ""
    assert ended.status == 0
