"""``dlcore serve`` says what to try, and that works."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Site
from tests.cli.helpers import Here, served
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
