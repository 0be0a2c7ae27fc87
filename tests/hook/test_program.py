"""What one call of the program does, and what every kind of failure becomes."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
from msgspec import structs

from dlcore.agent.interface import Priority
from dlcore.engine.delivery.state_folder import state_folder
from dlcore.errors import AgentError
from dlcore.hook.environment import EnvironmentUnavailableError
from dlcore.hook.program import Program
from dlcore.publish import publish
from dlcore.store import Store
from tests.hook.agents import AgentOnClient, Behind, CutOff, Dying, Stalling
from tests.hook.scene import FIRST, INI, SECOND, TOKEN, HookScene, tree
from tests.no_temporary_folder import take_away_temporary_files


def test_the_package_is_put_where_windows_asks_for_it(scene: HookScene) -> None:
    assert scene.call() == 0
    assert tree(scene.destination) == tree(scene.source())
    assert [path.name for path in scene.destination.parent.iterdir()] == [FIRST]
    began, ahead, *progress, done = scene.lines()
    assert began.startswith(f"dlcore 1.2.3: package {FIRST} is asked for")
    assert ahead == "Look-ahead: step 1 of 2, Drivers."
    assert all("verified" in line for line in progress)
    assert f"Package {FIRST} version 1 is at {scene.destination}" in done
    assert scene.variables.get("DLCORE_HOOK_OUTCOME") == "delivered"


def test_a_package_is_delivered_without_a_temporary_folder(
    scene: HookScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault D12: the task sequence has a TEMP that cannot be used. dlcore copies the package from
    the agent's disk to the destination's.
    """
    take_away_temporary_files(scene.root / "gone", monkeypatch)
    assert scene.call() == 0
    assert tree(scene.destination) == tree(scene.source())
    assert not (scene.root / "gone").exists()


def test_what_later_steps_need_is_wanted_then(scene: HookScene) -> None:
    scene.call()
    assert scene.last_agent is not None
    (want,) = scene.last_agent.wants.values()
    assert want.packages == (FIRST,)
    assert want.sequence is not None
    assert want.sequence.position == 0
    assert scene.last_agent.ordered == (FIRST, SECOND)


def test_a_second_call_for_what_is_there_copies_nothing(scene: HookScene) -> None:
    scene.call()
    before = (scene.destination / "setup.exe").stat()
    assert scene.call() == 0
    after = (scene.destination / "setup.exe").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert "was at" in scene.lines()[-1]


def test_a_step_that_writes_into_its_folder_does_not_reach_the_agents_store(
    scene: HookScene,
) -> None:
    scene.call()
    with (scene.destination / "setup.exe").open("r+b") as file:
        file.write(b"changed by the step")
    (stored,) = scene.state.glob(f"packages/{FIRST}.*/content/setup.exe")
    assert stored.read_bytes() == (scene.source() / "setup.exe").read_bytes()
    assert stored.stat().st_nlink == 1


@pytest.mark.parametrize("name", ["with spaces", "100 %temp%", "Grüße ☃", "a'b"])
def test_any_name_of_a_destination_works(scene: HookScene, name: str) -> None:
    destination = scene.root / name / FIRST
    assert scene.call(destination=destination) == 0
    assert tree(destination) == tree(scene.source())


def test_without_a_deployment_file_windows_downloads(scene: HookScene) -> None:
    scene.variables.set("DLCORE_HOOK_CONFIG", str(scene.root / "missing.toml"))
    scene.agent = lambda client: AgentError("no agent runs")
    assert scene.call() == 1
    assert "[config]" in scene.told()
    assert "missing.toml" in scene.told()
    assert "DLCORE_HOOK_CONFIG" in scene.told()


def test_a_package_that_the_catalog_does_not_know_is_left_to_windows(scene: HookScene) -> None:
    assert scene.call("ABC00099", scene.root / "ABC00099") == 1
    assert "[not-found] " in scene.told().replace("Reason ", "").replace(":", "", 1)
    assert "ABC00099" in scene.told()


def test_another_version_than_windows_asks_for_is_never_delivered(scene: HookScene) -> None:
    scene.variables.set(f"_SMSTSSourceVersion{FIRST}", "2")
    assert scene.call() == 1
    assert (
        "Windows asks for version 2, and the site's current catalog has version 1" in scene.told()
    )
    assert list(scene.destination.iterdir()) == []


def test_a_version_that_was_published_since_is_looked_for(scene: HookScene) -> None:
    """The agent knows version 1 until it looks at the site's catalog."""
    scene.variables.set(f"_SMSTSSourceVersion{FIRST}", "2")
    published_again(scene)
    scene.agent = Behind
    assert scene.call() == 0, scene.log()
    assert f"Package {FIRST} version 2 is at" in scene.log()


def test_a_catalog_that_cannot_be_read_is_told(scene: HookScene) -> None:
    """Fault: the site cannot be reached. Nobody is told to publish what may be published."""
    scene.agent = CutOff
    assert scene.call() == 0
    assert "The site's current catalog cannot be read (no route): version 1 is" in scene.log()
    scene.variables.set(f"_SMSTSSourceVersion{FIRST}", "2")
    assert scene.call() == 1
    assert "the site's current one cannot be read: no route" in scene.told()
    assert "Publish" not in scene.told()


def published_again(scene: HookScene) -> None:
    """Publish version 2 of the first package."""
    (scene.source() / "setup.exe").write_bytes(b"of version 2")
    publish(scene.source(), package_id=FIRST, version=2, destination=str(scene.root / "published"))


def test_the_link_is_left_to_windows_when_it_downloads_by_itself(scene: HookScene) -> None:
    scene.variables.set(f"_SMSTSSourceVersion{FIRST}", "2")
    scene.call()
    assert scene.last_agent is not None
    (want,) = scene.last_agent.wants.values()
    assert (want.priority, want.packages) == (Priority.BACKGROUND, ())
    assert want.sequence is not None  # later steps are looked ahead for all the same
    scene.variables.set(f"_SMSTSSourceVersion{FIRST}", "1")
    assert scene.call() == 0
    (want,) = scene.last_agent.wants.values()
    assert want.priority is Priority.FOREGROUND


def test_the_version_that_windows_asks_for_is_delivered(scene: HookScene) -> None:
    scene.variables.set(f"_SMSTSSourceVersion{FIRST}", "1")
    assert scene.call() == 0


def test_content_that_windows_would_reject_is_not_delivered(scene: HookScene) -> None:
    scene.variables.set(f"_SMSTSPkgHash{FIRST}", "2:" + "AB" * 32)
    assert scene.call() == 1
    assert "DLCORE_HOOK_CHECK_HASH" in scene.told()
    assert list(scene.destination.iterdir()) == []
    scene.variables.set("DLCORE_HOOK_CHECK_HASH", "false")
    assert scene.call() == 0


def test_another_agent_goes_on_when_one_is_lost(scene: HookScene) -> None:
    kinds = [AgentOnClient, Dying]
    scene.agent = lambda client: kinds.pop()(client)
    assert scene.call() == 0
    assert kinds == []
    assert tree(scene.destination) == tree(scene.source())


def test_a_full_disk_leaves_the_package_to_windows(scene: HookScene) -> None:
    settings = scene.config.read_text(encoding="utf-8")
    scene.config.write_text(f"[content]\nreserve = '1000 TB'\n{settings}", encoding="utf-8")
    assert scene.call() == 1
    assert "[disk-full]" in scene.told()
    assert list(scene.destination.iterdir()) == []


def test_a_destination_that_cannot_be_made_leaves_the_package_to_windows(
    scene: HookScene,
) -> None:
    (scene.root / "a file").write_text("")
    assert scene.call(destination=scene.root / "a file" / FIRST) == 1
    assert "a file" in scene.told()


def test_a_destination_that_another_call_fills_leaves_the_package_to_windows(
    scene: HookScene,
) -> None:
    scene.policy = structs.replace(scene.policy, copy_wait_s=0.0)
    with Store.open(state_folder(scene.destination)):
        assert scene.call() == 1
    assert "[locked]" in scene.told()
    assert list(scene.destination.iterdir()) == []


def test_content_that_was_altered_on_disk_is_fetched_again(scene: HookScene) -> None:
    scene.call()
    shutil.rmtree(scene.destination)
    (stored,) = scene.state.glob(f"packages/{FIRST}.*/content/setup.exe")
    stored.chmod(0o600)
    stored.write_bytes(b"x" * stored.stat().st_size)
    assert scene.call() == 0
    assert tree(scene.destination) == tree(scene.source())


def test_an_agent_that_is_lost_again_and_again_is_done_without(scene: HookScene) -> None:
    scene.agent = Dying
    assert scene.call() == 1
    assert "Fetching without an agent: the agent is gone." in scene.lines()
    assert "FetchesByItselfError" in scene.told()  # which the scene raises in its place


def test_a_call_does_not_wait_for_ever_when_nothing_arrives(scene: HookScene) -> None:
    scene.agent = Stalling
    scene.variables.set("DLCORE_HOOK_STALL_S", "0.05")
    assert scene.call() == 1
    assert "nothing of it arrived for 0.05 s" in scene.told()
    scene.variables.set("DLCORE_HOOK_STALL_S", "")
    scene.variables.set("DLCORE_HOOK_WAIT_S", "0.05")
    (scene.logs / "dlcore-smsts.log").unlink()
    assert scene.call() == 1
    assert "did not arrive within 0.05 s" in scene.told()


def test_what_is_at_the_destination_and_not_dlcores_stays(scene: HookScene) -> None:
    (scene.destination / "somebody's.txt").write_text("mine")
    assert scene.call() == 1
    assert "somebody's.txt" in scene.told()
    assert tree(scene.destination) == {"somebody's.txt": b"mine"}


def test_nothing_is_delivered_into_the_state_directory(scene: HookScene) -> None:
    """Fault: Windows names a destination in the state directory. dlcore-smsts leaves the package to
    Windows, names the state directory, and asks no agent.
    """
    assert scene.call(destination=scene.state / "packages" / FIRST) == 1
    assert f"is in the state directory {scene.state}" in scene.told()
    assert scene.last_agent is None


def test_the_abort_code_counts_only_if_the_settings_say_so(scene: HookScene) -> None:
    scene.variables.set("SMSTSDownloadAbortCode", "1")
    assert scene.call("ABC00099") == 2  # not 1, which would fail the step
    (scene.logs / "dlcore-smsts.log").unlink()
    scene.variables.set("DLCORE_HOOK_ON_FAILURE", "abort")
    assert scene.call("ABC00099") == 1
    assert scene.lines(3) == [scene.told()]
    assert "is not delivered, exit code 1" in scene.told()


def test_a_malformed_sequence_costs_only_the_look_ahead(scene: HookScene) -> None:
    scene.variables.set("_SMSTSTaskSequence", "<sequence><group>")
    assert scene.call() == 0
    assert scene.lines()[1].startswith("No look-ahead: the task sequence cannot be read")
    assert tree(scene.destination) == tree(scene.source())


def test_huge_variables_cost_only_the_look_ahead(scene: HookScene) -> None:
    scene.variables.set("_SMSTSTaskSequence", "x" * (40 << 20))
    scene.variables.set("Huge", "y" * (8 << 20))
    assert scene.call() == 0
    assert scene.lines()[1] == "No look-ahead: the task sequence is too long."


@pytest.mark.parametrize("arguments", [[], [INI], [INI, FIRST], [INI, FIRST, "x", "y"]])
def test_another_call_is_told_and_left_to_windows(scene: HookScene, arguments: list[str]) -> None:
    assert scene.program().run(arguments) == 1
    assert f"called with {len(arguments)} arguments" in scene.told()


def test_who_looks_on_is_told_why_a_package_is_not_delivered(scene: HookScene) -> None:
    heard: list[str] = []
    assert scene.program(tell=heard.append).run([INI, "none", str(scene.destination)]) == 1
    assert heard == [scene.told()]
    assert scene.program(tell=heard.append).run([INI, FIRST, str(scene.destination)]) == 0
    assert len(heard) == 1


def test_a_setting_that_cannot_be_used_is_named(scene: HookScene) -> None:
    scene.variables.set("DLCORE_HOOK_STALL_S", "soon")
    assert scene.call() == 1
    assert "DLCORE_HOOK_STALL_S: 'soon' cannot be used" in scene.told()


def test_an_error_that_nobody_foresaw_is_told_without_its_text(scene: HookScene) -> None:
    scene.agent = lambda client: ValueError(TOKEN)
    assert scene.call() == 1
    assert (
        "[internal]: an error that dlcore does not know: ValueError at agents.py:" in scene.told()
    )


def test_variables_that_cannot_be_read_leave_the_package_to_windows(tmp_path: Path) -> None:
    def fails(_: object) -> HookScene:
        raise EnvironmentUnavailableError("no task sequence runs")

    assert Program("1.2.3", open_environment=fails).run([INI, FIRST, str(tmp_path)]) == 1  # type: ignore[arg-type]
    log = (tmp_path / "temporary" / "dlcore-smsts.log").read_text()
    assert "no task sequence runs" in log


def test_no_secret_and_no_ini_file_reaches_the_log(scene: HookScene) -> None:
    scene.call()
    scene.call("ABC00099")
    scene.program().run([INI, TOKEN])
    text = scene.log()
    assert TOKEN not in text
    assert "INI" not in text.replace("`dlcore-smsts INI PACKAGE-ID DESTINATION`", "")
    assert scene.last_agent is not None
    assert TOKEN not in str(scene.last_agent.wants)


def test_a_request_to_end_cannot_keep_the_log_from_its_line(scene: HookScene) -> None:
    """Fault: the system shuts down while the program says why it fails. It still says so."""
    scene.variables.set("DLCORE_HOOK_CONFIG", str(scene.root / "missing.toml"))
    scene.agent = lambda client: AgentError("no agent runs")
    told: list[str] = []

    def tell(text: str) -> None:
        signal.raise_signal(signal.SIGTERM)
        told.append(text)

    assert scene.program(tell=tell).run([INI, FIRST, str(scene.destination)]) == 1
    assert "[config]" in scene.told()
    assert len(told) == 1


def test_a_log_that_cannot_be_named_changes_no_exit_code(scene: HookScene) -> None:
    """Fault: the variable with the folder of the log is damaged. dlcore delivers all the same, and
    a failure does not become that of a program that aborts.
    """
    scene.variables.set("_SMSTSLogPath", "/logs\0")
    scene.variables.set("SMSTSDownloadAbortCode", "1")
    assert scene.call() == 0
    assert tree(scene.destination) == tree(scene.source())
    assert scene.call("ABC00099", scene.root / "ABC00099") == 2
    assert scene.variables.get("DLCORE_HOOK_OUTCOME") == "not-found"
