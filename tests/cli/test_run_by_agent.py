"""``dlcore run`` and ``dlcore plan`` beside a running agent, as real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.helpers import dlcore
from tests.cli.test_agent import agent_at
from tests.engine.scene import publish_packages, sequence, upgrade

PACKAGE = "ABC00001"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A published package, a deployment file, and a task sequence that needs the package."""
    publish_packages(tmp_path, {PACKAGE: {"a": 300_000}})
    published = (tmp_path / "published").as_posix()
    (tmp_path / "deployment.toml").write_text(
        f"[deployment]\nallow_on_internet = true\n[client]\nallow_cloud_dp = true\n"
        f"[catalog]\npath = '{published}/catalog.json'\n"
        f"[[endpoint]]\nname = 'disk'\nkind = 'file'\npath = '{published}'\n"
    )
    (tmp_path / "sequence.xml").write_bytes(sequence(upgrade(PACKAGE)))
    return tmp_path


def test_the_agent_has_the_content_of_a_run(site: Path) -> None:
    where = ("--config", site / "deployment.toml", "--state", site / "state", "--json")
    run = ("run", site / "sequence.xml", *where, "--simulate", "0")
    with agent_at(site):
        other = site / "other.toml"
        other.write_bytes((site / "deployment.toml").read_bytes())
        refused = dlcore(*run[:2], "--config", other, *run[4:])
        assert refused.status == 10
        assert (
            f"uses {site / 'deployment.toml'}; it would fetch the content of this run"
            in refused.err
        )
        assert f"with the deployment file {site / 'deployment.toml'}" in refused.error["message"]
        assert f"Run with --config {site / 'deployment.toml'}" in refused.error["remedy"]
        ended = dlcore(*run)
        assert ended.status == 0, ended
        assert f"the content comes from the agent of {site / 'state'}" in ended.err
        assert ended.document["outcome"] == "succeeded"
        assert ended.document["bytes_fetched"] == 300_000
        assert [*ended.document["endpoints"]] == ["agent"]
        (told,) = dlcore("plan", site / "sequence.xml", *where).document["agent"]
        assert (told["state"], told["verified_bytes"]) == ("ready", 300_000)
