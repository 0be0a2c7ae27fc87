"""``dlcore locations``: what a site tells becomes a deployment file that `plan` takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.deployment import load_deployment
from tests.cli.conftest import Site
from tests.cli.helpers import Here
from tests.locations.documents import record, reply

URL = "http://dp1.corp.example/SMS_DP_SMSPKG$"


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A reply that names a distribution point for a package of the site."""
    path = tmp_path / "reply.xml"
    path.write_bytes(reply(record(f"{URL}/ABC00001"), record("http://peer/x")))
    return path


def test_the_file_is_read_by_plan(told: Path, site: Site, here: Here) -> None:
    output = told.with_name("deployment.toml")
    catalog = site.published / "catalog.json"
    ended = here("locations", told, "-o", output, "--catalog", catalog)
    assert ended.status == 0
    assert ended.out == f"{output}: 1 endpoint written\n"
    assert "location 2 is left out" in ended.err
    assert "warning" not in ended.err
    assert [each.url for each in load_deployment(output).endpoints] == [URL]
    plan = here("plan", site.sequence, "--config", output, "--no-agent", "--json").document
    checks = {check["name"]: check["outcome"] for check in plan["checks"]}
    assert checks["endpoints"] == checks["catalog"] == "passed"


def test_the_printed_file_is_the_written_one(told: Path, here: Here) -> None:
    output = told.with_name("deployment.toml")
    here("locations", told, "-o", output)
    assert here("locations", told).out == output.read_text(encoding="utf-8")


def test_a_catalog_that_is_missing_is_told_at_once(told: Path, here: Here) -> None:
    """Fault: a deployment file names a catalog that is missing. dlcore says so when writing it."""
    output, catalog = told.with_name("deployment.toml"), told.with_name("catalog.json")
    ended = here("locations", told, "-o", output, "--catalog", catalog)
    assert ended.status == 0
    assert f"there is no catalog at {catalog}" in ended.err
    catalog.touch()
    output.unlink()
    assert "warning" not in here("locations", told, "-o", output, "--catalog", catalog).err


def test_a_file_that_is_there_stays(told: Path, here: Here) -> None:
    output = told.with_name("deployment.toml")
    output.write_text("mine", encoding="utf-8")
    ended = here("locations", told, "-o", output, "--json")
    assert (ended.status, ended.error["code"]) == (2, "config")
    assert output.read_text(encoding="utf-8") == "mine"


def test_a_path_that_no_deployment_file_holds_is_refused_by_its_name(
    told: Path, here: Here
) -> None:
    ended = here("locations", told, "--catalog", "c\udcff", "--json")
    assert (ended.status, ended.error["code"]) == (2, "config")
    assert ended.error["message"].startswith(r"--catalog 'c\udcff'")


def test_no_location_is_what_configmgr_calls_it(tmp_path: Path, here: Here) -> None:
    """Fault: the management point names no location for a package. dlcore says what that means."""
    path = tmp_path / "reply.xml"
    path.write_bytes(reply())
    ended = here("locations", path, "--json")
    assert (ended.status, ended.error["code"]) == (4, "not-found")
    assert "0x80040102" in ended.error["message"]
    assert "boundary group" in ended.error["remedy"]


def test_an_empty_reply_beside_another_is_told(told: Path, here: Here) -> None:
    empty = told.with_name("empty.xml")
    empty.write_bytes(reply())
    ended = here("locations", told, empty)
    assert ended.status == 0
    assert "does not name any location (0x80040102)" in ended.err


def test_variables_without_locations_are_told(tmp_path: Path, here: Here) -> None:
    path = tmp_path / "dump.txt"
    path.write_text("OSDComputerName=PC0042\n", encoding="utf-8")
    ended = here("locations", path, "--json")
    assert (ended.status, ended.error["code"]) == (4, "not-found")
    assert "_SMSTSHTTP" in ended.error["remedy"]


def test_no_secret_is_copied(told: Path, here: Here) -> None:
    """Fault: a dump of variables holds tokens and passwords. dlcore copies none, and says so."""
    dump = told.with_name("dump.txt")
    lines = f"_SMSTSHTTPABC00001={URL}/ABC00001\n_SMSTSDPAuthToken=s3cr3t\nOSDJoinPassword=s3cr3t\n"
    dump.write_text(lines, encoding="utf-8")
    ended = here("locations", dump)
    assert "s3cr3t" not in ended.out + ended.err
    assert "OSDJoinPassword, _SMSTSDPAuthToken" in ended.err
    assert "token_file" in ended.err
    assert "s3cr3t" not in here("locations", dump, "--json").out
