"""How commands end: one message, one JSON document, the documented status, no traceback."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dlcore.cli.ending.endings import ending_of
from dlcore.cli.options.paths import EXISTING_FILE
from dlcore.engine.download.arrival_curve import joined
from dlcore.errors import StorageError
from tests.cli.conftest import Site
from tests.cli.helpers import COMMAND, Here, dlcore, refused, start, wait, wait_until
from tests.engine.scene import sequence, step
from tests.others import touch_private
from tests.users import ADVERSARY, folder_of, needs_root, run_as_ordinary_user

COMMANDS = ("publish", "serve", "plan", "run", "fetch", "verify")
NOT_TEXT = "more \udcff" if sys.platform == "win32" else os.fsdecode(b"more \xff")
"""A name that is not text: on Windows half of a pair of UTF-16, elsewhere a byte."""
SIMULATED_FAILURE = "default_s = 0\n[exit_codes]\nDrivers = 1603\n"


def test_a_fault_of_dlcore_is_told_with_its_place() -> None:
    try:
        joined((), None, 0.0)  # type: ignore[arg-type]
    except TypeError as error:
        message = ending_of(error).message
    assert "this is a fault of dlcore: TypeError" in message
    assert re.search(r"engine[/\\]download[/\\]arrival_curve\.py:\d+", message), message


# Each status


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_usage_of_each_command_is_status_2(command: str, here: Here) -> None:
    refused(here(command, "--no-such-option", "--json"), 2, "config")


def test_a_misspelt_command_is_told_the_nearest_one(here: Here) -> None:
    ended = here("verfy")
    assert ended.status == 2
    assert "there is no command 'verfy' (did you mean verify?)" in ended.err


@pytest.mark.posix_only(reason="Windows does not remove a folder that a process is in")
@pytest.mark.parametrize("output", ["out", "deep/out"])
def test_a_current_folder_that_was_removed_is_status_4(
    site: Site, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    """Fault: the current folder was removed. dlcore says so; absolute paths work all the same."""
    current = tmp_path / "current"
    current.mkdir()
    monkeypatch.chdir(current)
    current.rmdir()
    manifest = next((site.published / "manifests").iterdir())
    fetch = ("fetch", manifest, "--from", site.published)
    told = refused(here(*fetch, "-o", output, "--json"), 4, "not-found")
    assert told["message"] == "the current folder does not exist any more"
    assert here(*fetch, "-o", tmp_path / "out").status == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_without_json_nothing_is_on_standard_output(command: str, here: Here) -> None:
    ended = here(command, "--no-such-option")
    assert (ended.status, ended.out) == (2, "")
    assert "error (config): there is no option" in ended.err


@pytest.mark.parametrize("command", ["publish", "serve", "plan", "run", "verify"])
def test_a_path_that_is_not_there_is_status_4(command: str, here: Here, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    fields = refused(here(command, missing, "--json"), 4, "not-found")
    assert str(missing) in str(fields["message"])


def test_an_unknown_command_is_status_2(here: Here) -> None:
    refused(here("nonsense", "--json"), 2, "config")


def test_no_command_at_all_shows_the_help(here: Here) -> None:
    ended = here()
    assert ended.status == 0
    assert "Usage: dlcore" in ended.out


@pytest.mark.parametrize("group", ["trust", "config"])
def test_a_group_without_a_command_shows_its_help(group: str, here: Here) -> None:
    ended = here(group)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"Usage: dlcore {group} [OPTIONS] COMMAND")
    assert ended.err == here(group, "--help").out


def test_a_config_that_is_no_toml_is_status_2(here: Here, site: Site) -> None:
    refused(here("plan", site.sequence, "--config", site.sequence, "--json"), 2, "config")


def test_a_sequence_that_is_none_is_status_3(here: Here, site: Site) -> None:
    refused(here("plan", site.published / "catalog.json", "--json"), 3, "task-sequence")


def test_a_corrupt_manifest_is_status_3(here: Here, site: Site, tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(next((site.published / "manifests").iterdir()).read_bytes()[:-9])
    refused(here("verify", tmp_path, "--manifest", path, "--json"), 3, "manifest")
    refused(
        here("fetch", path, "--from", site.published, "-o", tmp_path / "to", "--json"),
        3,
        "manifest",
    )


def test_a_package_that_nobody_knows_is_status_4(here: Here, site: Site, tmp_path: Path) -> None:
    source = ("--from", site.published, "-o", tmp_path / "to", "--json")
    refused(here("fetch", "ABC00099", *source), 4, "not-found")
    refused(here("fetch", "no-such.meta4", *source), 4, "not-found")
    refused(here("fetch", "ABC00001", "--from", tmp_path, *source[2:]), 4, "not-found")


def test_a_wrong_token_is_status_5(here: Here, site: Site, tmp_path: Path) -> None:
    touch_private(tmp_path / "token")
    (tmp_path / "token").write_text("wrong")
    access = ("--token-file", tmp_path / "token", *site.gateway.access[2:])
    source = ("--from", f"cmg+{site.gateway.url}", *access)
    fields = refused(here("fetch", "ABC00001", *source, "-o", tmp_path / "to", "--json"), 5, "auth")
    assert (fields["endpoint"], fields["fault"]) == ("localhost", "auth")


def test_an_unreachable_endpoint_is_status_6(here: Here, tmp_path: Path) -> None:
    source = ("--from", "https://localhost:1", "-o", tmp_path / "to", "--json")
    fields = refused(here("fetch", "ABC00001", *source), 6, "transfer")
    assert fields["fault"] == "connect"


def test_an_exhausted_package_is_status_6_or_4_if_no_endpoint_has_it(
    here: Here, site: Site, tmp_path: Path
) -> None:
    half = tmp_path / "published"
    shutil.copytree(site.published, half)
    for item in (half / "objects").iterdir():
        os.truncate(item, 10)
    source = ("--from", half, "--retries", "0", "-o", tmp_path / "to", "--json")
    fields = refused(here("fetch", "ABC00002", *source), 6, "exhausted")
    assert "ABC00002" in str(fields["message"])
    shutil.rmtree(half / "objects")
    fields = refused(here("fetch", "ABC00002", *source), 4, "not-found")
    assert "ABC00002" in str(fields["message"])


@pytest.mark.parametrize(
    "stray",
    [
        "more",
        pytest.param(
            NOT_TEXT,
            marks=pytest.mark.wine_cannot(reason="has no file whose name is half of a pair"),
        ),
    ],
    ids=ascii,
)
def test_a_verify_that_finds_faults_is_status_7_and_names_each(
    stray: str, here: Here, site: Site, tmp_path: Path
) -> None:
    folder = tmp_path / "to"
    here("fetch", "ABC00001", "--from", site.published, "-o", folder)
    catalog = json.loads((site.published / "catalog.json").read_bytes())
    name = catalog["packages"]["ABC00001"]["manifest"] + ".json"
    options = ("--manifest", site.published / "manifests" / name, "--json")
    assert here("verify", folder, *options).document["verified"] is True

    with (folder / "same.bin").open("r+b") as file:
        file.seek((2 << 20) + 5)
        file.write(b"wrong")
    (folder / "empty").unlink()
    (folder / stray).touch()
    (folder / "also" / "deep").mkdir(parents=True)
    (folder / "also" / "deep" / "file").touch()
    ended = here("verify", folder, *options)
    assert ended.status == 7
    assert ended.document["verified"] is False
    found = {(bad["path"], bad["offset_bytes"], bad["reason"]) for bad in ended.document["bad"]}
    assert {("same.bin", 2 << 20, "mismatch"), ("empty", 0, "missing")} <= found
    assert ("also/deep/file", 0, "unexpected") in found
    assert len(found) == 4, "a folder is no fault beside the file in it"
    plain = here("verify", folder, *options[:-1])
    assert "same.bin: mismatch at offset 2097152" in plain.out
    assert {"empty: missing", "also/deep/file: unexpected"} <= set(plain.out.splitlines())
    assert (plain.status, plain.err) == (7, "")


def test_a_site_with_faults_is_status_7_and_names_each_and_repair_mends_it(
    here: Here, site: Site, tmp_path: Path
) -> None:
    published = tmp_path / "published"
    shutil.copytree(site.published, published)
    right = here("verify", published, "--json")
    assert (right.status, right.document["verified"], right.document["faults"]) == (0, True, [])
    broken = max((published / "objects").iterdir(), key=lambda path: path.stat().st_size)
    with broken.open("r+b") as file:
        file.seek((1 << 20) + 5)
        file.write(b"wrong")
    (published / "objects" / "old").touch()
    ended = here("verify", published, "--json")
    assert (ended.status, ended.document["verified"]) == (7, False)
    (fault,) = ended.document["faults"]
    assert fault["key"] == f"objects/{broken.name}"
    assert (fault["package_id"], fault["blocks"], fault["files"]) == (
        "ABC00002",
        [1, 2],
        ["large.bin"],
    )
    plain = here("verify", published)
    assert plain.status == 7
    assert (
        f"ABC00002: objects/{broken.name}: mismatch at offset 1048576 (block 1): large.bin"
    ) in plain.out
    assert "objects/old: not needed by any package (not a fault)" in plain.out
    mend = ("publish", site.source("ABC00002"), "--package-id", "ABC00002", "--to", published)
    assert f"rewrote objects/{broken.name}" in here(*mend, "--repair").out
    assert here("verify", published).status == 0
    refused(here(*mend, "--repair", "--replace", "--json"), 2, "config")


def test_a_folder_that_cannot_be_written_is_status_9(here: Here, site: Site) -> None:
    source = ("--from", site.published, "-o", site.sequence / "folder", "--json")
    refused(here("fetch", "ABC00001", *source), 9, "storage")
    where = ("--config", site.gateway.config, "--state", site.sequence / "state", "--json")
    refused(here("run", site.sequence, *where, "--simulate", "0"), 9, "storage")


def sees_to_its_end(process: subprocess.Popen[str]) -> bool:
    """Whether it catches `SIGTERM`; before, a command that is interrupted ends without a word."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii", errors="replace")
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what is caught")
def test_a_state_directory_in_use_is_status_10_but_a_plan_is_not_refused(
    site: Site, tmp_path: Path
) -> None:
    where = ("--config", site.gateway.config, "--state", tmp_path / "state")
    holder = start("run", site.sequence, *where, "--simulate", "60", "-q")
    wait_until((tmp_path / "state" / "run.json").exists, holder)
    second = dlcore("run", site.sequence, *where, "--simulate", "0", "--json")
    waiting = start("run", site.sequence, *where, "--simulate", "0", "--json", "--wait", "60")
    plan = dlcore("plan", site.sequence, *where, "--json")
    wait_until(lambda: sees_to_its_end(waiting), waiting)
    waiting.send_signal(signal.SIGINT)
    interrupted = wait(waiting)
    holder.terminate()
    assert wait(holder).status == 143
    assert str(holder.pid) in str(refused(second, 10, "locked")["message"])
    refused(interrupted, 130, "interrupted")
    outcomes = {check["name"]: check["outcome"] for check in plan.document["checks"]}
    assert outcomes["content-distributed"] == "passed"


@pytest.mark.wine_cannot(reason="does not check chains of certificates")
def test_an_unknown_authority_is_status_13(here: Here, site: Site, tmp_path: Path) -> None:
    source = ("--from", f"cmg+{site.gateway.url}", *site.gateway.access[:2])
    refused(here("fetch", "ABC00001", *source, "-o", tmp_path / "to", "--json"), 13, "tls")


def test_a_missing_prerequisite_is_status_14_and_all_are_listed(
    here: Here, site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "sequence.xml"
    path.write_bytes(sequence(step("Unknown", package="ABC00099", CommandLine="true")))
    where = ("--config", site.gateway.config, "--state", tmp_path / "state", "--json")
    fields = refused(here("run", path, *where, "--simulate", "0"), 14, "preflight")
    assert fields["missing"] == ["upgrade-sequence", "catalog"]
    checks = here("plan", path, *where).document["checks"]
    assert [c["name"] for c in checks if c["outcome"] == "failed"] == fields["missing"]


def test_a_step_that_failed_is_status_15_with_the_report(
    here: Here, site: Site, tmp_path: Path
) -> None:
    (tmp_path / "simulation.toml").write_text(SIMULATED_FAILURE)
    where = ("--config", site.gateway.config, "--state", tmp_path / "state", "--json")
    ended = here("run", site.sequence, *where, "--simulate", tmp_path / "simulation.toml")
    assert (ended.status, ended.document["outcome"]) == (15, "failed")
    assert ended.document["steps"][-1]["exit_code"] == 1603
    assert "error (step): step 1 'Drivers' failed" in ended.err
    assert "The same command begins a new one at the first step." in ended.err


def test_a_step_that_asks_for_a_restart_is_status_16_and_the_run_goes_on_behind_it(
    here: Here, site: Site, tmp_path: Path
) -> None:
    (tmp_path / "sequence.xml").write_bytes(sequence(step("Restart", "RebootAction")))
    (tmp_path / "intranet.toml").write_text(
        f"[client]\non_internet = false\n[catalog]\npath = '{site.published}/catalog.json'\n"
        f"[[endpoint]]\nname = 'disk'\nkind = 'file'\npath = '{site.published}'\n"
    )
    where = ("--config", tmp_path / "intranet.toml", "--state", tmp_path / "state", "--json")
    first, second = (here("run", tmp_path / "sequence.xml", *where) for _ in range(2))
    assert (first.status, first.document["outcome"]) == (16, "restart")
    assert (second.status, second.document["outcome"]) == (0, "succeeded")
    assert second.document["restarts"] == 1


NESTED = f"default_s = {'[' * 5000}{']' * 5000}"


@pytest.mark.parametrize(
    "told",
    [
        *("nan", "inf", "-1", "abc", ".", ""),
        *(
            "durations_s.Upgrade = -1",
            "default_s = inf",
            "durations = 1",
            "default_s = 'x'",
            NESTED,
        ),
    ],
)
def test_a_simulation_that_makes_no_sense_is_status_2(
    told: str, here: Here, site: Site, tmp_path: Path
) -> None:
    if "=" in told:
        (tmp_path / "simulation.toml").write_text(told)
        told = str(tmp_path / "simulation.toml")
    where = ("--config", site.gateway.config, "--state", tmp_path / "state", "--json")
    refused(here("run", site.sequence, *where, "--simulate", told), 2, "config")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("told", ["nan", "-1", "abc"])
def test_a_wait_that_makes_no_sense_is_status_2(
    told: str, here: Here, site: Site, tmp_path: Path
) -> None:
    where = ("--config", site.gateway.config, "--state", tmp_path / "state", "--json")
    refused(here("run", site.sequence, *where, "--wait", told), 2, "config")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("option", ["--latency-s", "--token-life-s", "--location-life-s"])
def test_a_gateway_is_given_numbers(option: str, here: Here, tmp_path: Path) -> None:
    ended = here("serve", tmp_path, option, "nan", "--json")
    refused(ended, 2, "config")
    assert "nan is not a number" in ended.out
    for endless in ("inf", "1e12"):
        refused(here("serve", tmp_path, option, endless, "--json"), 2, "config")


# Signals


@pytest.mark.posix_only(reason="Windows has no signals for other processes")
@pytest.mark.parametrize(
    ("number", "status", "code"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_run_that_is_stopped_says_so_and_goes_on_at_its_step(
    number: signal.Signals, status: int, code: str, site: Site, tmp_path: Path
) -> None:
    (tmp_path / "simulation.toml").write_text("[durations_s]\nDrivers = 60\n")
    where = ("--config", site.gateway.config, "--state", tmp_path / "state")
    command = ("run", site.sequence, *where, "--json")
    process = start(*command, "--simulate", tmp_path / "simulation.toml")
    assert process.stderr is not None
    while "Drivers: starts" not in (line := process.stderr.readline()):
        assert line, wait(process)
    process.send_signal(number)
    refused(wait(process), status, code)
    report = dlcore(*command, "--simulate", "0").document
    assert (report["outcome"], report["restarts"]) == ("succeeded", 1)
    assert [step["name"] for step in report["steps"]] == ["Upgrade", "Drivers"]


def is_open(descriptors: Path, path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):  # one was closed while we looked
        return any(link.resolve() == path for link in descriptors.iterdir())
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells when it hashes")
def test_a_command_without_a_loop_can_be_terminated_too(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with (source / "large.bin").open("wb") as file:
        file.truncate(64 << 30)  # a hole: costs nothing, and takes long to hash
    process = start(
        *("publish", source, "--package-id", "ABC00001", "--to", tmp_path / "to", "--json")
    )
    descriptors = Path(f"/proc/{process.pid}/fd")
    wait_until(lambda: is_open(descriptors, source / "large.bin"), process)
    process.terminate()  # it is hashing
    refused(wait(process), 143, "terminated")


def test_a_folder_to_fetch_from_that_is_not_there_is_named(here: Here, tmp_path: Path) -> None:
    ended = here(
        "fetch", "ABC00001", "--from", tmp_path / "nosite", "-o", tmp_path / "to", "--json"
    )
    assert "nosite" in str(refused(ended, 4, "not-found")["message"])


@needs_root
def test_a_path_that_may_not_be_looked_at_is_not_called_missing() -> None:
    """Fault D2: a folder may not be entered. dlcore says so, and not that the file is missing."""

    def look() -> None:
        with pytest.raises(StorageError, match="Permission denied"):
            EXISTING_FILE.convert(folder / "x", None, None)

    with folder_of(ADVERSARY) as folder:
        run_as_ordinary_user(look)


def test_restart_and_continue_exclude_each_other(here: Here, site: Site) -> None:
    ended = here(
        *("run", site.sequence, "--config", site.sequence),
        *("--restart", "--continue", "--json"),
    )
    assert "exclude" in str(refused(ended, 2, "config")["message"])


@pytest.mark.posix_only(reason="Windows has no such limit")
@pytest.mark.parametrize("most", [5, 6])
def test_a_process_that_may_open_few_files_says_so_and_nothing_else(
    site: Site, tmp_path: Path, most: int
) -> None:
    """Fault: the limit of open files is too low. dlcore says so, without a traceback."""
    fetch = [*COMMAND, "fetch", "ABC00001", "--from", str(site.published), "-o", "out"]
    script = f'ulimit -n {most}; exec "$@"'
    ended = subprocess.run(
        ["sh", "-c", script, "sh", *fetch], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (22, "")
    assert ended.stderr.startswith("error (shortage): the system gives no more open files\n")
    assert len(ended.stderr.splitlines()) == 2
