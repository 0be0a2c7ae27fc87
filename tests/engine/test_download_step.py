"""Download Package Content: where packages go, which variables tell, what a failure means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.running.download_step import Stored, download_content
from dlcore.errors import ConfigError, DiskFullError, DlcoreError, NotFoundError
from dlcore.steps.interface import CANNOT_RUN, Outcome
from dlcore.store import Package
from dlcore.tasksequence import Step, Variables, read
from tests.engine.deliveries import write
from tests.engine.machine import EXTRA, TOOLS, TREES, Acting, Machine, outcomes, parsed
from tests.engine.scene import sequence, step
from tests.no_temporary_folder import take_away_temporary_files
from tests.store.helpers import make_package, read_back

A, B, C = "ABC0000A", "ABC0000B", "ABC0000C"


@pytest.fixture
def stored(tmp_path: Path) -> dict[str, Stored | DlcoreError]:
    return {name: in_store(tmp_path / "store", name, seed) for seed, name in enumerate((A, B, C))}


@pytest.fixture
def deliveries(tmp_path: Path) -> Deliveries:
    return Deliveries(tmp_path / "records")


def in_store(root: Path, name: str, seed: int, **more: int) -> Stored:
    """A package of a few files, as the store has it."""
    package = make_package({"x": 10, "y/z": 20, **more}, seed=seed)
    folder = root / f"{name}-{seed}"
    write(folder, package.contents)
    return Stored(folder, Package(package.manifest, package.document))


def copies_to(folder: Path) -> Step:
    return download(
        OSDDownloadDestinationLocationType="Custom",
        OSDDownloadDestinationPath=str(folder),
        OSDDownloadDestinationVariable="Got",
    )


def download(**parameters: str) -> Step:
    xml = step(
        "get",
        "DownloadPackageContentAction",
        **{"OSDDownloadDownloadPackages": f"{A},{B},{C}", **parameters},
    )
    return read(sequence(xml), source="test").steps[0]


def test_a_run_fetches_and_copies_without_a_temporary_folder(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault D12: there is no temporary folder, or one on another disk. dlcore fetches and copies on
    the disks of the state directory and of the destination.
    """
    take_away_temporary_files(tmp_path / "gone", monkeypatch)
    to = tmp_path / "to"
    parameters = {
        "OSDDownloadDownloadPackages": TOOLS,
        "OSDDownloadDestinationLocationType": "Custom",
        "OSDDownloadDestinationPath": str(to),
    }
    report = machine.run(parsed(step("get", "DownloadPackageContentAction", **parameters)))
    assert report.outcome == "succeeded", outcomes(report)
    assert {path.name for path in (to / TOOLS).iterdir()} == set(TREES[TOOLS])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state", "to"]


async def test_the_cache_of_the_sequence_is_the_store(
    stored: dict[str, Stored | DlcoreError], deliveries: Deliveries
) -> None:
    variables = Variables()
    step = download(OSDDownloadDestinationVariable="Got")
    assert (await download_content(step, variables, stored, deliveries)).exit_code == 0
    assert [variables[f"Got{n:02}"] for n in (1, 2, 3)] == [
        str(item.folder) for item in stored.values() if isinstance(item, Stored)
    ]
    assert variables[f"_SMSTSPackageCacheLocation{A}"] == variables["Got01"]


@pytest.mark.parametrize(
    ("kind", "variable"),
    [("CCMCache", "_SMSTSClientCache"), ("Custom", "OSDDownloadDestinationPath")],
)
async def test_a_copy_goes_where_the_step_says(
    stored: dict[str, Stored | DlcoreError],
    deliveries: Deliveries,
    tmp_path: Path,
    kind: str,
    variable: str,
) -> None:
    variables = Variables({variable: "%ROOT%/there", "ROOT": str(tmp_path)})
    step = download(OSDDownloadDestinationLocationType=kind, OSDDownloadDestinationVariable="Got")
    assert (await download_content(step, variables, stored, deliveries)).exit_code == 0
    for number, (name, source) in enumerate(stored.items(), start=1):
        assert isinstance(source, Stored)
        assert variables[f"Got{number:02}"] == str(tmp_path / "there" / name)
        assert read_back(tmp_path / "there" / name) == read_back(source.folder)


async def test_a_variable_has_the_last_word(
    stored: dict[str, Stored | DlcoreError], deliveries: Deliveries, tmp_path: Path
) -> None:
    step = download(OSDDownloadDestinationLocationType="Custom", OSDDownloadDestinationPath="/no")
    variables = Variables({"OSDDownloadDestinationPath": str(tmp_path / "yes")})
    await download_content(step, variables, stored, deliveries)
    assert (tmp_path / "yes" / A).is_dir()


@pytest.mark.parametrize(("goes_on", "others"), [("", True), ("true", True), ("false", False)])
async def test_a_missing_package_stops_the_others_only_if_asked(
    stored: dict[str, Stored | DlcoreError], deliveries: Deliveries, goes_on: str, others: bool
) -> None:
    stored[B] = NotFoundError("gone for good")
    variables = Variables({"OSDDownloadContinueDownloadOnError": goes_on})
    step = download(OSDDownloadDestinationVariable="Got")
    outcome = await download_content(step, variables, stored, deliveries)
    assert (outcome.exit_code, outcome.message) == (CANNOT_RUN, "gone for good")
    assert ("Got01" in variables, "Got02" in variables) == (True, False)
    assert ("Got03" in variables) == others


@pytest.mark.parametrize(
    ("kind", "complaint"), [("Custom", "OSDDownloadDestinationPath is empty"), ("Else", "'Else'")]
)
async def test_a_destination_that_cannot_be_used_is_named(
    stored: dict[str, Stored | DlcoreError], deliveries: Deliveries, kind: str, complaint: str
) -> None:
    step = download(OSDDownloadDestinationLocationType=kind)
    with pytest.raises(ConfigError, match=complaint):
        await download_content(step, Variables(), stored, deliveries)


async def test_a_copy_that_dlcore_made_is_replaced_by_a_newer_one(
    deliveries: Deliveries, tmp_path: Path
) -> None:
    """Fault: a copy is of an older version. dlcore replaces the copies that it made."""
    step = copies_to(tmp_path / "to")
    for seed, more in ((1, {"only-in-1": 5}), (2, {"only-in-2": 5})):
        stored = {A: in_store(tmp_path, A, seed, **more)}
        assert (await download_content(step, Variables(), stored, deliveries)).exit_code == 0
        assert read_back(tmp_path / "to" / A) == read_back(stored[A].folder)


async def test_a_right_copy_is_recognised(deliveries: Deliveries, tmp_path: Path) -> None:
    stored = {A: in_store(tmp_path, A, 1)}
    write(tmp_path / "to" / A, read_back(stored[A].folder))
    (tmp_path / "to" / A / "empty" / "inner").mkdir(parents=True)
    inode = inode_of(tmp_path / "to" / A)
    outcome = await download_content(copies_to(tmp_path / "to"), Variables(), stored, deliveries)
    assert outcome.exit_code == 0
    assert inode_of(tmp_path / "to" / A) == inode


async def test_a_folder_that_dlcore_did_not_make_is_never_replaced(
    deliveries: Deliveries, tmp_path: Path
) -> None:
    """Fault: a folder of the user's is where a copy goes. dlcore refuses it; other copies go on."""
    stored = {A: in_store(tmp_path, A, 1), B: in_store(tmp_path, B, 2)}
    write(tmp_path / "to" / A, {"mine.txt": b"mine"})
    variables = Variables()
    outcome = await download_content(copies_to(tmp_path / "to"), variables, stored, deliveries)
    assert outcome.exit_code == CANNOT_RUN
    assert "mine.txt" in outcome.message
    assert read_back(tmp_path / "to" / A) == {"mine.txt": b"mine"}
    assert ("Got01" in variables, "Got02" in variables) == (False, True)


async def test_content_that_was_altered_in_the_store_is_not_copied(
    deliveries: Deliveries, tmp_path: Path
) -> None:
    """Fault: a package is altered in the store before it is copied. dlcore refuses to copy it."""
    stored = {A: in_store(tmp_path, A, 1)}
    (stored[A].folder / "x").write_bytes(b"0123456789")
    outcome = await download_content(copies_to(tmp_path / "to"), Variables(), stored, deliveries)
    assert outcome.exit_code == CANNOT_RUN
    assert "altered" in outcome.message
    assert listing(tmp_path / "to") == []


async def test_a_copy_that_fails_leaves_the_old_one_and_no_rest(
    deliveries: Deliveries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: the disk is full while a package is copied. dlcore keeps the old copy, and no rest."""
    step = copies_to(tmp_path / "to")
    old, new = {A: in_store(tmp_path, A, 1)}, {A: in_store(tmp_path, A, 2)}
    await download_content(step, Variables(), old, deliveries)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dlcore.store.files.Files.verify_and_write", fail)
    with pytest.raises(DiskFullError):
        await download_content(step, Variables(), new, deliveries)
    assert read_back(tmp_path / "to" / A) == read_back(old[A].folder)
    assert listing(tmp_path / "to") == [A]


def inode_of(path: Path) -> int:
    return path.stat().st_ino


def listing(path: Path) -> list[str]:
    return [entry.name for entry in path.iterdir()]


@pytest.mark.parametrize("kind", ["TSCache", "Custom"])
def test_a_run_downloads_package_content(machine: Machine, tmp_path: Path, kind: str) -> None:
    """Fault: the step crashed in the runner, where no test ran one. dlcore runs it to its end."""
    get = step(
        "get",
        "DownloadPackageContentAction",
        OSDDownloadDownloadPackages=f"{TOOLS},{EXTRA}",
        OSDDownloadDestinationLocationType=kind,
        OSDDownloadDestinationPath=str(tmp_path / "to"),
        OSDDownloadDestinationVariable="Got",
    )
    seen: dict[str, dict[str, bytes]] = {}

    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        for number in (1, 2) if step.name == "use" else ():
            name = f"Got{number:02}"
            seen[name] = read_back(Path(variables[name]))
        return Outcome()

    report = machine.run(parsed(get, step("use")), Acting(act))
    assert outcomes(report) == {"os": "succeeded", "get": "succeeded", "use": "succeeded"}
    source = machine.root / "source"
    assert seen == {"Got01": read_back(source / TOOLS), "Got02": read_back(source / EXTRA)}
    if kind == "Custom":
        assert sorted(listing(tmp_path / "to")) == [TOOLS, EXTRA]


def test_a_run_whose_copy_is_refused_fails_at_that_step(machine: Machine, tmp_path: Path) -> None:
    write(tmp_path / "to" / TOOLS, {"mine": b"mine"})
    get = step(
        "get",
        "DownloadPackageContentAction",
        OSDDownloadDownloadPackages=TOOLS,
        OSDDownloadDestinationLocationType="Custom",
        OSDDownloadDestinationPath=str(tmp_path / "to"),
    )
    report = machine.run(parsed(get))
    assert outcomes(report)["get"].endswith("version 1: mine")
    assert read_back(tmp_path / "to" / TOOLS) == {"mine": b"mine"}


@pytest.mark.parametrize("retries", [0, 2])
def test_a_run_tries_a_download_again_as_the_step_says(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, retries: int
) -> None:
    """Fault: a Download Package Content step fails. dlcore runs it again as its options say."""
    calls = 0

    async def fails(**arguments: object) -> Outcome:
        nonlocal calls
        calls += 1
        return Outcome(1, message="no luck")

    monkeypatch.setattr("dlcore.engine.running.step_jobs.run_own_step", fails)
    get = step("get", "DownloadPackageContentAction", attributes=f'retryCount="{retries}"')
    assert outcomes(machine.run(parsed(get)))["get"] == "no luck"
    assert calls == 1 + retries


def test_a_run_does_not_repeat_a_download_that_cannot_work(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: a Download Package Content step cannot be used as it is. dlcore fails it, once."""
    calls = 0

    async def fails(**arguments: object) -> Outcome:
        nonlocal calls
        calls += 1
        raise ConfigError("cannot be used", remedy="Correct it.")

    monkeypatch.setattr("dlcore.engine.running.step_jobs.run_own_step", fails)
    get = step("get", "DownloadPackageContentAction", attributes='retryCount="2"')
    report = machine.run(parsed(get))
    assert (outcomes(report)["get"], report.steps[-1].exit_code) == ("cannot be used", CANNOT_RUN)
    assert calls == 1


async def test_a_relative_path_begins_where_commands_start(
    stored: dict[str, Stored | DlcoreError], deliveries: Deliveries, tmp_path: Path
) -> None:
    """Fault: a destination is a relative path. dlcore writes nothing into its caller's folder."""
    variables = Variables({"_SMSTSMDataPath": str(tmp_path / "work")})
    await download_content(copies_to(Path("there")), variables, stored, deliveries)
    assert variables["Got01"] == str(tmp_path / "work" / "there" / A)


async def test_a_path_that_quotes_what_is_not_set_is_refused(
    stored: dict[str, Stored | DlcoreError], deliveries: Deliveries, tmp_path: Path
) -> None:
    """Fault: a destination quotes an unknown variable. dlcore fails the step and names it."""
    step = copies_to(tmp_path / "%NotSet%")
    with pytest.raises(ConfigError, match="OSDDownloadDestinationPath quotes %NotSet%"):
        await download_content(step, Variables(), stored, deliveries)
    assert not (tmp_path / "%NotSet%").exists()


async def test_a_step_may_not_put_its_paths_into_what_the_engine_sets(
    stored: dict[str, Stored | DlcoreError], deliveries: Deliveries
) -> None:
    """Fault: paths are to replace a read-only variable. dlcore fails the step and keeps it."""
    variables = Variables({"_SMSTSInWinPE": "false"})
    step = download(OSDDownloadDestinationVariable="_SMSTSInWinPE")
    with pytest.raises(ConfigError, match="read-only"):
        await download_content(step, variables, stored, deliveries)
    assert variables == {"_SMSTSInWinPE": "false"}
