"""The sequences that lie beside the project run as is said of them; without them, it is skipped."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cases.client import Client, client_with, steps_of

GIVEN = Path(__file__).parents[3] / "shared" / "cases" / "sequences"
SUCCEEDED, PREFLIGHT, FAILED, RESTART = 0, 14, 15, 16


class Given(NamedTuple):
    """What becomes of a sequence.

    Attributes:
        name: Of its file.
        packages: What its plan names for certain, in order of first need.
        statuses: How it ends when it is run once, and again after each restart.
        told: What the last run says, in its report or on standard error.
    """

    name: str
    packages: tuple[str, ...]
    statuses: tuple[int, ...]
    told: tuple[str, ...] = ()


ALL = (
    Given("child-missing", (), (PREFLIGHT,), ("ABC00090",)),
    Given("dynlist", (), (FAILED,), ("prog", "--program")),
    Given("inpe", ("ABC00001",), (SUCCEEDED,), ("Windows PE",)),
    Given("listvar", ("ABC00001", "ABC00002"), (SUCCEEDED,), ("D01=/",)),
    Given("listvar2", (), (FAILED,), ("%DRV%",)),
    Given("misc", ("ABC00001", "ABC00002", "ABC00003"), (PREFLIGHT,), ("sysprep files", "HP BIOS")),
    Given("override", ("ABC00002",), (SUCCEEDED,), ("file-ABC00002.txt",)),
    Given("rebootreq", (), (RESTART, SUCCEEDED), ("next-ran-before-restart",)),
    Given("restart", ("ABC00001",), (RESTART, SUCCEEDED)),
    Given("setdyn", ("ABC00001", "ABC00002", "ABC00003"), (PREFLIGHT,), ("Upgrade",)),
    Given("unresolved-run", (), (FAILED,), ("DRIVERPACKAGE",)),
    Given("upgrade-only", ("ABC00003",), (PREFLIGHT,), ("Upgrade",)),
    Given("ver", (), (SUCCEEDED,), ("newer than 10.0.9600",)),
)


def given(name: str) -> bytes:
    path = GIVEN / f"{name}.xml"
    if not path.exists():
        pytest.skip(f"no sequence {name} beside the project")
    return path.read_bytes()


for_a_posix_shell = pytest.mark.posix_only(reason="the commands are for a POSIX shell")


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_the_plan_of_a_given_sequence(client: Client, case: Given) -> None:
    assert client.plan(given(case.name)).document["packages"] == list(case.packages)


@for_a_posix_shell
@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_a_given_sequence(client: Client, case: Given) -> None:
    data = given(case.name)
    ended = [client.run(data) for _ in case.statuses]
    assert [each.status for each in ended] == list(case.statuses), ended[-1].err
    for told in case.told:
        assert told in ended[-1].out + ended[-1].err


@for_a_posix_shell
def test_a_restart_comes_before_the_next_step(client: Client) -> None:
    ended = client.run(given("rebootreq"))
    assert list(steps_of(ended)) == ["bios update asks for a restart"]


@for_a_posix_shell
def test_what_the_settings_set_is_known_beforehand(published: Path, tmp_path: Path) -> None:
    client = client_with(published, tmp_path, DRV="ABC00001,ABC00002")
    data = given("listvar2")
    assert client.plan(data).document["packages"] == ["ABC00001", "ABC00002"]
    assert client.run(data).status == SUCCEEDED


def test_an_upgrade_is_simulated(client: Client) -> None:
    ended = client.run(given("upgrade-only"), "--simulate", "0")
    assert (ended.status, ended.document["simulated"]) == (SUCCEEDED, True)


def test_every_given_sequence_is_listed() -> None:
    if not GIVEN.exists():
        pytest.skip("no sequences beside the project")
    assert sorted(path.stem for path in GIVEN.glob("*.xml")) == [case.name for case in ALL]
