"""``dlcore precache``: what it prints, its exit statuses, and that a run finds what it fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.cli.precache import exit_status
from dlcore.engine.precache import Precached, PrecachedPackage
from dlcore.errors import InternalError
from tests.cli.conftest import Site
from tests.cli.helpers import Here
from tests.engine.scene import sequence, step


def test_it_fetches_what_the_sequence_needs(here: Here, site: Site, tmp_path: Path) -> None:
    where = ("--config", site.gateway.config, "--state", tmp_path / "state")
    before = here("precache", site.sequence, *where, "--dry-run", "--json").document
    assert before["dry_run"] is True
    assert not (tmp_path / "state").exists()
    shown = here("precache", site.sequence, *where, "--dry-run").out
    assert "at most 13.0 MiB of 13.0 MiB to fetch: what other packages" in shown
    found = here("precache", site.sequence, *where, "--by", "+1h", "--json").document
    assert found["complete"] is True
    assert [each["package"] for each in found["packages"]] == ["ABC00001", "ABC00002"]
    assert all(each["is_ready"] for each in found["packages"])
    assert found["bytes_fetched"] > 0
    again = here("precache", site.sequence, *where, "--json").document
    assert again["bytes_fetched"] == 0
    told = here("precache", site.sequence, *where, "--limit-rate", "1 GB")
    assert "2 of 2 packages ready and verified" in told.out
    assert "the whole link" not in told.err


def test_a_package_that_is_missing_is_named_with_its_status(
    here: Here, site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "sequence.xml"
    path.write_bytes(sequence(step("One", package="ABC00003"), step("Two", package="ABC00009")))
    where = ("--config", site.gateway.config, "--state", tmp_path / "state")
    ended = here("precache", path, *where)
    assert ended.status == 4
    assert "ABC00009" in ended.err
    assert "1 of 2 packages ready" in ended.out


@pytest.mark.parametrize("by", ["yesterday", "2020-01-01T00:00"])
def test_a_time_that_cannot_be_meant_is_refused(
    here: Here, site: Site, tmp_path: Path, by: str
) -> None:
    where = ("--config", site.gateway.config, "--state", tmp_path / "state")
    ended = here("precache", site.sequence, *where, "--by", by)
    assert ended.status == 2
    assert "--by" in ended.err


def test_a_package_that_is_neither_ready_nor_failed_is_no_success() -> None:
    lost = PrecachedPackage("ABC00001", 1, 5, 0, is_ready=False)
    found = Precached((lost,), took_s=0.0, bytes_fetched=0, bytes_reused=0)
    assert exit_status(found, is_dry_run=True) == 0
    with pytest.raises(InternalError):
        exit_status(found, is_dry_run=False)
