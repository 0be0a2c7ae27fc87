"""``dlcore serve`` says what to try, and that works."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Site
from tests.cli.helpers import Here, refused, served
from tests.engine.scene import sequence, step


@pytest.mark.posix_only(reason="a Windows client is on the internet, and needs an upgrade step")
def test_the_settings_that_it_writes_are_those_of_a_client_here(
    here: Here, site: Site, tmp_path: Path
) -> None:
    (tmp_path / "one.xml").write_bytes(sequence(step("Drivers", package="ABC00002")))
    with served(site.published, tmp_path / "emulator") as gateway:
        where = ("--config", gateway.config, "--state", tmp_path / "state", "--simulate", "0")
        ran = here("run", tmp_path / "one.xml", *where, "--json")
    assert ran.status == 0, ran.err


def test_a_deployment_file_that_cannot_be_written_is_status_9(
    site: Site, here: Here, tmp_path: Path
) -> None:
    """Fault: the disk takes no more as `serve` is ready. dlcore says so, and serves nothing."""
    state = tmp_path / "gateway"
    state.mkdir(mode=0o700)
    (state / "client.toml").mkdir()
    told = refused(
        here("serve", site.published, "--state", state, "--port", 0, "--json"), 9, "storage"
    )
    assert "cannot write a deployment file: " in str(told["message"])
