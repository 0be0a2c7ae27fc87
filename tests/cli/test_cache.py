"""``dlcore cache`` and ``--seed`` on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from dlcore.agent.interface import SequencePoint, Want
from dlcore.agent.memory import FOLDER, NAME, Memory, MemoryFile
from dlcore.engine.client import Client
from dlcore.engine.documents import pinned_documents
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.steps.interface import Outcome
from dlcore.store import Store
from dlcore.tasksequence import Step, Variables
from tests.cli.helpers import Here, refused
from tests.cli.test_dry_run import everything
from tests.engine.machine import EXTRA, OS, TOOLS, TREES, Acting, CrashError, Machine, parsed
from tests.engine.scene import deployment, make_tree, publish_packages, sequence, step
from tests.engine.virtual_time import virtually

SEQUENCE = sequence(step("extra", package=EXTRA)).decode()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with three finished packages."""
    publish_packages(tmp_path, TREES)

    async def main() -> None:
        async with Client(deployment(tmp_path), tmp_path / "state") as client:
            for package_id in (OS, TOOLS, EXTRA):
                await client.fetch(package_id)

    virtually(main())
    return tmp_path / "state"


def keys(here: Here, state: Path) -> list[str]:
    listed = here("cache", "list", "--state", state, "--json").document["packages"]
    return sorted(each["key"] for each in listed)


def test_packages_are_listed_and_counted(here: Here, state: Path) -> None:
    listed = here("cache", "list", "--state", state)
    assert all(f"{package_id}.1-" in listed.out for package_id in (OS, TOOLS, EXTRA))
    one = here("cache", "list", f"{OS}.1", "--state", state, "--json").document["packages"]
    assert [each["key"].partition(".")[0] for each in one] == [OS]
    size = here("cache", "size", "--state", state, "--json").document
    assert size["packages"] == 3
    assert size["disk_bytes"] > 90_000
    assert "3 packages" in here("cache", "size", "--state", state).out


@pytest.mark.parametrize(
    "words",
    [
        *(("list",), ("size",), ("verify",), ("pin", OS), ("unpin", OS)),
        *(("prune", "--max-size", "0"), ("prune", "--max-size", "0", "--dry-run")),
    ],
    ids=" ".join,
)
def test_a_state_directory_that_is_not_there_is_told(
    here: Here, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Fault: `--state` is misspelt, or names the folder around it. Each command says that no
    state directory is there, and makes nothing.
    """
    (tmp_path / "around" / "state").mkdir(parents=True)
    for place in (tmp_path / "none", tmp_path / "around"):
        told = refused(here("cache", *words, "--state", place, "--json"), 4, "not-found")
        assert told["message"] == f"there is no state directory at {place}"
    assert [each.name for each in tmp_path.rglob("*")] == ["around", "state"]


def test_a_dry_run_changes_nothing(here: Here, state: Path) -> None:
    (state / "removed").rmdir()  # an opened state directory would get it again
    before = everything(state)
    foretold = here("cache", "prune", "--max-size", "0", "--dry-run", "--state", state)
    assert "3 packages would be removed" in foretold.out
    assert everything(state) == before


def test_what_is_in_the_place_of_the_agents_memory_stays_there(here: Here, state: Path) -> None:
    """Fault: a folder is in the place of what the agent remembers. It is not known what the agent
    wants, so nothing is removed, and the folder stays where it is.
    """
    (state / FOLDER / NAME).mkdir(parents=True)
    before = everything(state)
    given = ("cache", "prune", "--max-size", "0", "--state", state, "--json")
    told = refused(here(*given), 9, "storage")
    assert NAME in str(told["message"])
    assert everything(state) == before


def test_a_dry_run_ends_as_the_command_would(here: Here, state: Path) -> None:
    """Fault: another process holds the state directory. A dry run of a pruning says so, too."""
    with Store.open(state):
        given = ("cache", "prune", "--max-size", "0", "--dry-run", "--state", state, "--json")
        refused(here(*given), 10, "locked")


def test_each_package_that_stays_says_why(here: Here, state: Path) -> None:
    memory = MemoryFile(state)
    memory.save(Memory())  # makes its folder
    catalog = (state.parent / "published" / "catalog.json").read_bytes()
    wants = (Want("a", (TOOLS,)), Want("b", sequence=SequencePoint(SEQUENCE)), Want("c", ("X",)))
    memory.save(Memory(wants, CatalogPin(pinned_documents.keep(state / FOLDER, catalog))))
    memory.close()
    here("cache", "pin", OS, "--state", state)
    done = here("cache", "prune", "--max-size", "0", "--state", state, "--json").document
    why = {each["key"].partition(".")[0]: each["why"] for each in done["kept"]}
    assert why == {OS: "pinned", TOOLS: "wanted by the agent", EXTRA: "wanted by the agent"}
    (state / FOLDER / NAME).unlink()
    shown = here("cache", "prune", "--max-size", "99 %", "--state", state).out
    assert "within the limit, last used 2" in shown
    assert shown.endswith("0 packages removed, 3 left\n")


def test_what_is_pinned_stays(here: Here, state: Path) -> None:
    assert f"pinned: {TOOLS}.1-" in here("cache", "pin", TOOLS.lower(), "--state", state).out
    foretold = here("cache", "prune", "--max-size", "0", "--dry-run", "--state", state)
    assert "2 packages would be removed" in foretold.out
    assert len(keys(here, state)) == 3
    done = here("cache", "prune", "--max-size", "0", "--state", state, "--json").document
    assert len(done["removed"]) == 2
    assert [key.partition(".")[0] for key in keys(here, state)] == [TOOLS]
    here("cache", "unpin", TOOLS, "--state", state)
    here("cache", "prune", "--max-size", "1 kB", "--state", state)
    assert keys(here, state) == []


def test_the_deployment_file_says_how_much_may_stay(
    here: Here, state: Path, tmp_path: Path
) -> None:
    config = tmp_path / "deployment.toml"
    text = "[catalog]\npath = 'catalog.json'\n[[endpoint]]\nname = 'e'\nkind = 'file'\npath = '.'\n"
    config.write_text(text)
    told = refused(
        here("cache", "prune", "--config", config, "--state", state, "--json"), 2, "config"
    )
    assert "cache.max_size is not set" in str(told["message"])
    config.write_text(f"{text}[cache]\nmax_size = '0 B'\n")
    assert here("cache", "prune", "--config", config, "--state", state).status == 0
    assert keys(here, state) == []


def test_a_package_that_differs_is_told(here: Here, state: Path) -> None:
    assert here("cache", "verify", "--state", state).status == 0
    (path,) = (state / "packages").glob("*/content/x.bin")
    data = bytearray(path.read_bytes())
    data[5] ^= 1
    path.write_bytes(data)
    ended = here("cache", "verify", "--state", state)
    assert ended.status == 7
    assert "x.bin" in ended.out
    rows = here("cache", "verify", EXTRA, "--state", state, "--json").document["packages"]
    assert [(each["verified"], each["bad"]) for each in rows] == [(False, ["x.bin"])]


def test_what_cannot_be_done_is_refused_with_a_remedy(here: Here, state: Path) -> None:
    told = refused(here("cache", "pin", "XYZ00001", "--state", state, "--json"), 4, "not-found")
    assert "cache list" in str(told["remedy"])
    assert "did you mean" not in str(told["message"])
    mistyped = f"{EXTRA[:-1]}9".lower()
    told = refused(here("cache", "pin", mistyped, "--state", state, "--json"), 4, "not-found")
    assert f"(did you mean {EXTRA}?)" in str(told["message"])
    told = refused(here("cache", "prune", "--state", state, "--json"), 2, "config")
    assert "--max-size" in str(told["message"])
    told = refused(
        here("cache", "prune", "--max-size", "much", "--state", state, "--json"), 2, "config"
    )
    assert "not a size" in str(told["message"])


def test_a_seed_saves_what_it_has(here: Here, tmp_path: Path) -> None:
    published = publish_packages(tmp_path, {OS: TREES[OS]})
    seed = make_tree(tmp_path / "old" / OS, TREES[OS])
    (seed / "install.wim").rename(seed / "another name")
    done = here(
        *("fetch", OS, "--from", published, "-o", tmp_path / "out", "--seed", tmp_path / "old"),
        "--json",
    ).document
    assert (done["bytes_fetched"], done["bytes_reused"]) == (0, 54_097)


def test_while_another_process_holds_the_state_directory_it_can_be_looked_at(
    here: Here, state: Path
) -> None:
    with Store.open(state):
        assert len(keys(here, state)) == 3
        assert here("cache", "size", "--state", state).status == 0
        assert here("cache", "verify", "--state", state).status == 0
        for arguments in (("prune", "--max-size", "0"), ("pin", OS), ("unpin", OS)):
            refused(here("cache", *arguments, "--state", state, "--json"), 10, "locked")
    assert len(keys(here, state)) == 3


def test_what_the_run_needs_that_is_under_way_is_not_pruned(
    here: Here, state: Path, tmp_path: Path
) -> None:
    """The process that ran it died: the packages of the run stay until it has ended."""

    def die(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        raise CrashError

    with pytest.raises(CrashError):
        Machine(tmp_path, state).run(parsed(step("tools", package=TOOLS)), Acting(die))
    done = here("cache", "prune", "--max-size", "0", "--state", state, "--json").document
    assert done["removed"] == []
    assert {each["why"] for each in done["kept"]} == {"needed by the run that is under way"}
    assert len(keys(here, state)) == 3
