"""The whole way, as a newcomer goes it: publish, serve, plan, run, verify, fetch.

Each command is a real process once; the other times it runs in this one.
"""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Site
from tests.cli.helpers import Here, dlcore, tree
from tests.publish.library import write_library


def test_what_was_published_arrives_verified_and_only_once(
    here: Here, site: Site, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    where = ("--config", site.gateway.config, "--state", state)

    plan = dlcore("plan", site.sequence, *where, "--json").document
    assert plan["packages"] == ["ABC00001", "ABC00002"]
    failed = [check["name"] for check in plan["checks"] if check["outcome"] == "failed"]
    assert failed == ["unrunnable-steps"], plan["checks"]  # simulated, they need no commands
    assert not state.exists()

    first = dlcore("run", site.sequence, *where, "--simulate", "0", "--json")
    assert first.status == 0, first.err
    assert first.document["outcome"] == "succeeded"
    assert first.document["simulated"] is True
    again = here("run", site.sequence, *where, "--simulate", "0", "--json").document
    assert (again["bytes_fetched"], again["outcome"]) == (0, "succeeded")

    folders = {path.name.split(".")[0]: path for path in (state / "packages").iterdir()}
    assert folders.keys() == {"ABC00001", "ABC00002"}
    for package_id, folder in folders.items():
        ended = here("verify", folder) if package_id == "ABC00001" else dlcore("verify", folder)
        assert ended.status == 0
        assert tree(folder / "content") == tree(site.source(package_id))


def test_publish_and_fetch_keep_every_kind_of_file(site: Site, tmp_path: Path) -> None:
    published, folder = tmp_path / "published", tmp_path / "folder"
    source = site.source("ABC00001")
    told = dlcore("publish", source, "--package-id", "ABC00001", "--to", published, "--json")
    assert told.document["files"] == 6
    fetched = dlcore("fetch", "ABC00001", "--from", published, "-o", folder, "--json").document
    assert fetched["verified"] is True
    assert tree(folder) == tree(source)


def test_a_package_goes_from_a_content_library_to_a_client(here: Here, tmp_path: Path) -> None:
    files: dict[str, bytes | None] = {"a/größe.inf": b"[Version]", "setup.exe": bytes(70_000)}
    library = write_library(tmp_path / "SCCMContentLib", files, versions=(4,))
    published, folder = tmp_path / "published", tmp_path / "folder"
    command = ("publish", library, "--content-library", "--package-id", "ABC00012")
    told = here(*command, "--to", published)
    assert "ABC00012 version 4" in told.out, told.err
    assert here("fetch", "ABC00012", "--from", published, "-o", folder).status == 0
    assert {path: (folder / path).read_bytes() for path in files} == files


def test_fetch_by_id_from_a_gateway_fetches_nothing_twice(
    here: Here, site: Site, tmp_path: Path
) -> None:
    source = ("--from", f"cmg+{site.gateway.url}", *site.gateway.access)
    command = ("fetch", "ABC00001", *source, "-o", tmp_path / "folder", "--json")
    first = here(*command)
    assert first.status == 0, first.err
    total = sum(
        path.stat().st_size for path in site.source("ABC00001").rglob("*") if path.is_file()
    )
    # Files of the same content are one object, which is fetched once for each of them.
    assert first.document["content_bytes"] == total
    assert first.document["bytes_fetched"] - first.document["bytes_wasted"] <= total
    assert tree(tmp_path / "folder") == tree(site.source("ABC00001"))

    again = here(*command).document
    assert (again["bytes_fetched"], again["bytes_reused"]) == (0, total)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder"]


def test_a_simulation_says_that_it_is_one(here: Here, site: Site, tmp_path: Path) -> None:
    """Fault: a rehearsal is taken for a run. dlcore says first that no step is executed."""
    where = ("--config", site.gateway.config, "--state", tmp_path / "state")
    ended = here("run", site.sequence, *where, "--simulate", "0")
    assert ended.out.splitlines()[0].startswith("SIMULATED: no step was executed")
    assert "the steps are simulated" in ended.err


def test_a_simulation_file_of_windows_is_read_and_all_its_mistakes_are_told(
    here: Here, site: Site, tmp_path: Path
) -> None:
    told = tmp_path / "simulation.toml"
    told.write_text("\ufeff[exit_codes]\r\nDrivers = 1603\r\n", encoding="utf-16-le")
    where = ("--config", site.gateway.config, "--state", tmp_path / "state", "--json")
    ended = here("run", site.sequence, *where, "--simulate", told)
    assert (ended.status, ended.document["steps"][-1]["exit_code"]) == (15, 1603)
    told.write_text("defaults = 1\n[durations_s]\nDrivers = -1\nUpgrade = 'long'\n")
    refused = here("run", site.sequence, *where, "--simulate", told)
    messages = [item["message"] for item in refused.error["problems"]]
    assert [message.removeprefix(f"--simulate: {told}") for message in messages] == [
        ": defaults is not a known key (did you mean default_s?)",
        '.durations_s."Drivers": must be 0.0 or more',
        '.durations_s."Upgrade": must be a number, not text',
    ]


def test_a_simulation_file_names_only_steps_of_the_sequence(
    here: Here, site: Site, tmp_path: Path
) -> None:
    """Fault: a simulation names a step that does not exist. dlcore refuses it by name."""
    told = tmp_path / "simulation.toml"
    told.write_text('[exit_codes]\ndrivers = 1\nUpgrade = 0\n[sets."Old step"]\nA = "1"\n')
    where = ("--config", site.gateway.config, "--state", tmp_path / "state", "--json")
    refused = here("run", site.sequence, *where, "--simulate", told)
    assert (refused.status, refused.error["code"]) == (2, "config")
    message = refused.error["message"]
    assert message.endswith("the task sequence has no step of this name: 'Old step', 'drivers'")
    assert not (tmp_path / "state").exists()
