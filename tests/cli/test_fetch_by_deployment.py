"""``dlcore fetch --config``: from the endpoints that a deployment allows, as it then says."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.publish import publish
from tests.cli.helpers import Here

CONFIG = """
[catalog]
path = "near/catalog.json"

[[endpoint]]
name = "office"
kind = "file"
path = "office"

[[endpoint]]
name = "near"
kind = "file"
path = "near"

[[endpoint]]
name = "far"
kind = "file"
path = "far"

[boundary]
site_default = ["near"]
cloud = ["far"]

[[boundary.group]]
name = "office"
sites = ["a site of no machine"]
endpoints = ["office"]
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings by which nothing comes from ``office``, and a package that ``near`` lacks."""
    root = tmp_path_factory.mktemp("by deployment")
    for package_id in ("ABC00001", "ABC00002"):
        (root / package_id).mkdir()
        (root / package_id / "file").write_bytes(package_id.encode() * 100)
        for name in ("office", "near", "far"):
            publish(root / package_id, package_id=package_id, destination=str(root / name))
    for path in (root / "near" / "objects").iterdir():
        if path.read_bytes().startswith(b"ABC00002"):
            path.unlink()
    (root / "deployment.toml").write_text(CONFIG)
    return root / "deployment.toml"


def test_it_says_by_which_boundary_group_a_package_came(
    here: Here, config: Path, tmp_path: Path
) -> None:
    told = here("fetch", "ABC00001", "--config", config, "-o", tmp_path / "one")
    assert told.status == 0, told
    assert "\nfrom near (boundary group site default)\n" in told.out
    dry = here("fetch", "ABC00002", "--config", config, "-o", tmp_path / "two", "--dry-run")
    assert "from far (boundary group cloud, by fallback): serves 1 of 1 object" in dry.out
    assert "office" not in dry.out
    (tmp_path / "list").write_text("ABC00001\nABC00002\n")
    many = here(
        *("fetch", "-i", tmp_path / "list", "--config", config, "-o", tmp_path / "many", "--json")
    )
    assert many.status == 0, many
    for result, endpoint in zip(many.document, ("near", "far"), strict=True):
        assert list(result["endpoints"]) == [endpoint]
        assert result["boundary"] == {
            "groups": {"site default": ["near"], "cloud": ["far"]},
            "by_fallback": ["cloud"],
            "reason": "no group describes this network",
        }


def test_a_deployment_goes_without_what_it_says_itself(
    here: Here, config: Path, tmp_path: Path
) -> None:
    ended = here("fetch", "ABC00001", "--config", config, "--from", "x", "-o", tmp_path / "to")
    assert ended.status == 2
    assert "--config goes without --from" in ended.err
