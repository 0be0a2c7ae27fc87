"""Options that are rates."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Site
from tests.cli.helpers import Here


@pytest.mark.parametrize("rate", ["fast", "1 Mb/s", "100", "1mib"])
def test_a_fetch_refuses_a_rate_that_is_none(
    here: Here, site: Site, tmp_path: Path, rate: str
) -> None:
    source = ("--from", site.published, "-o", tmp_path / "to")
    ended = here("fetch", "ABC00002", *source, "--limit-rate", rate)
    assert ended.status == 2
    assert "--limit-rate" in ended.err
    assert '"100 Mbit/s"' in ended.err
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("rate", ["1 Gbit/s", "100MB/s", "100 MiB", "100000000", "0"])
def test_a_fetch_takes_a_rate_with_its_unit(
    here: Here, site: Site, tmp_path: Path, rate: str
) -> None:
    source = ("--from", site.published, "-o", tmp_path / "to")
    assert here("fetch", "ABC00002", *source, "--limit-rate", rate).status == 0


def test_the_old_name_of_an_option_is_told_the_new_one(here: Here, site: Site) -> None:
    ended = here("serve", site.published, "--bandwidth-bps", "1000000")
    assert ended.status == 2
    assert "--bandwidth" in ended.err.replace("--bandwidth-bps", "")
