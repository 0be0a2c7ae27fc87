"""Real command lines of Windows: what they see, what they set, how they end."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlcore.steps.commands.process import TIMED_OUT
from dlcore.steps.interface import CANNOT_RUN, Job, Outcome
from dlcore.steps.post_action import DetachedPostAction
from dlcore.steps.registry import standard_executors
from dlcore.tasksequence import Step, Variables, read
from tests.engine.scene import sequence, step
from tests.steps.windows_process import Watched, watched

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="command lines of Windows")

PACKAGE = "ABC00001"
PROGRAM = Path(__file__).with_name("told.py")
TELL = f'"{sys.executable}" "{PROGRAM}"'
LOOK_S = 0.05
START_S = 60.0  # a Python of Windows may take seconds to start
DLCORE = """
import asyncio, sys
from dlcore.steps.interface import Job
from dlcore.steps.post_action import DetachedPostAction
from dlcore.steps.registry import standard_executors
from dlcore.tasksequence import Variables, read
item = read(open(sys.argv[1], "rb").read(), source="test").steps[0]
asyncio.run(standard_executors().run(Job(item, Variables(), {})))
"""


def parsed(xml: str) -> Step:
    return read(sequence(xml), source="test").steps[0]


def command(line: str, **more: str) -> Step:
    return parsed(step("command", CommandLine=line, **more))


async def run(
    item: Step, variables: Variables | None = None, content: Mapping[str, Path] | None = None
) -> Outcome:
    given = Variables() if variables is None else variables
    return await standard_executors().run(Job(item, given, content or {}))


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that `told.py` writes."""
    monkeypatch.setenv("TOLD", str(tmp_path / "told.json"))
    return tmp_path / "told.json"


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def take(told: Path) -> Any:
    """What `told.py` wrote, as soon as it has; the file is gone then."""
    end_s = time.monotonic() + START_S
    while not told.exists():
        assert time.monotonic() < end_s, "nothing was told"
        time.sleep(LOOK_S)
    try:
        return json.loads(told.read_text(encoding="utf-8"))
    finally:
        told.unlink()


async def when_told(told: Path) -> Any:
    """The same, while the loop goes on."""
    return await asyncio.to_thread(take, told)


async def test_a_commands_exit_code_is_the_steps() -> None:
    assert (await run(command("cmd.exe /c exit 7"))).exit_code == 7


async def test_a_negative_exit_code_is_windows_own() -> None:
    assert (await run(command("cmd.exe /c exit -2147024891"))).exit_code == 0x80070005


async def test_a_program_that_is_missing_fails_the_step() -> None:
    outcome = await run(command("nowhere.exe /quiet"))
    assert outcome.exit_code == CANNOT_RUN
    assert outcome.message.startswith("cannot start: ")


async def test_a_command_runs_in_its_packages_folder(told: Path, tmp_path: Path) -> None:
    folder = tmp_path / "größe 1"
    folder.mkdir()
    outcome = await run(command(f"{TELL} 0", package=PACKAGE), content={PACKAGE: folder})
    assert outcome.exit_code == 0
    assert Path((await when_told(told))["where"]) == folder


async def test_a_program_of_the_package_is_found_first(tmp_path: Path) -> None:
    (tmp_path / "setup.cmd").write_text("@exit 9\n")
    item = command("setup.cmd", package=PACKAGE)
    assert (await run(item, content={PACKAGE: tmp_path})).exit_code == 9


async def test_a_command_sees_variables_and_no_credential(
    told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault K4: a step prints its environment. dlcore has put no credential into it."""
    monkeypatch.setenv("DLCORE_TOKEN", "canary")
    item = command(f'{TELL} 0 %A% "%A%" x%a%x')
    assert (await run(item, Variables({"A": "1 ü", "Own": "é"}))).exit_code == 0
    seen = await when_told(told)
    assert seen["arguments"] == ["1 ü", "1 ü", "x1 üx"]
    assert seen["environment"]["OWN"] == "é"
    assert "canary" not in seen["environment"].values()


async def test_a_command_sets_variables_by_cmd() -> None:
    variables = Variables({"Old": "1"})
    line = 'cmd.exe /c "echo OLD=2>>"%DLCORE_VARIABLES%"& echo New=a b>>"%DLCORE_VARIABLES%""'
    assert (await run(command(line), variables)).exit_code == 0
    assert dict(variables) == {"Old": "2", "New": "a b"}


async def test_output_is_shown_and_kept() -> None:
    variables = Variables()
    item = command(
        "cmd.exe /c echo one& echo two>&2& exit 3", SMSTSRunCommandLineOutputVariableName="Result"
    )
    outcome = await run(item, variables)
    assert outcome == Outcome(3, output="one\ntwo")
    assert variables["Result"] == "one\r\ntwo"


@pytest.mark.usefixtures("told")
async def test_a_command_that_takes_too_long_is_ended() -> None:
    item = parsed(step("slow", attributes='timeout="1"', CommandLine=f"{TELL} sleep"))
    outcome = await run(item)
    assert (outcome.exit_code, outcome.message) == (TIMED_OUT, "ran longer than 1 s")


async def test_a_cancelled_step_leaves_no_process(told: Path) -> None:
    """Fault P3: a step's command is ended. dlcore ends what it has started, too."""
    task = asyncio.create_task(run(command(f'cmd.exe /c "{TELL} sleep"')))
    with watched(await when_told(told)) as child:
        assert not child.has_ended()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(child.has_ended, START_S)


async def test_a_process_whose_parent_has_ended_is_ended_with_the_step(told: Path) -> None:
    """Fault P3: a child outlives the command's own child. dlcore ends it with the step."""
    task = asyncio.create_task(
        run(command(f'cmd.exe /c "start /b "" {TELL} sleep & ping -n 300 127.0.0.1 > nul"'))
    )
    with watched(await when_told(told)) as child:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(child.has_ended, START_S)


async def test_a_process_that_a_command_leaves_behind_goes_on(told: Path) -> None:
    assert (await run(command(f"{TELL} start"))).exit_code == 0  # though the pipe is still open
    with watched(await when_told(told)) as child:
        assert not await asyncio.to_thread(child.has_ended, 1.0)


def test_a_command_ends_with_a_dlcore_that_is_terminated(told: Path, tmp_path: Path) -> None:
    """Fault P4: the Task Manager ends dlcore in a step. The step does not go on beside the next."""
    document = tmp_path / "sequence.xml"
    document.write_bytes(sequence(step("command", CommandLine=f"{TELL} sleep")))
    dlcore = subprocess.Popen(
        [sys.executable, "-c", DLCORE, str(document)], cwd=Path(__file__).parents[2]
    )
    with watched(take(told)) as child:
        assert not child.has_ended()
        dlcore.kill()
        assert child.has_ended(START_S)
    dlcore.wait()


def test_a_post_action_runs_without_credentials(
    told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMG_TOKEN", "a secret")
    DetachedPostAction(["CMG_TOKEN"]).start(f"{TELL} 0 %Who%", Variables({"Who": "a;b"}), tmp_path)
    seen = take(told)
    assert (seen["arguments"], Path(seen["where"])) == (["a;b"], tmp_path)
    assert seen["environment"]["WHO"] == "a;b"
    assert "CMG_TOKEN" not in seen["environment"]


# Values

HOSTILE = "%^&|<>\"!'` \t()\\;,=@~$*?ü\u20ac"
VALUES = st.lists(
    st.text(st.sampled_from(HOSTILE), max_size=8).map(lambda text: text + "\\" * (len(text) % 3)),
    min_size=12,
    max_size=12,
)


@given(values=VALUES, tails=st.text("\\", max_size=3))
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_a_value_arrives_as_it_is(told: Path, values: list[str], tails: str) -> None:
    """Fault: a variable's value is a command. dlcore passes it as data."""
    values = [f"{value}{tails}" for value in values]
    names = [f"V{n}" for n in range(len(values))]
    line = " ".join([f'{TELL} 0 cmd.exe /c "%V0%"', *(f'"x%{name}%"' for name in names)])
    outcome = await run(command(line), Variables(dict(zip(names, values, strict=True))))
    assert outcome.exit_code == 0, outcome
    seen = await when_told(told)
    assert seen["arguments"] == ["cmd.exe", "/c", values[0], *(f"x{value}" for value in values)]
    assert {name: seen["environment"].get(name, "") for name in names} == dict(
        zip(names, values, strict=True)
    )


PLAIN_FOR_CMD = "azÜ09_ -.:\\/,=+@~#[]{}"


async def test_what_cmd_may_be_passed_arrives_as_it_is(told: Path) -> None:
    values = {f"V{n}": f"x{character}y" for n, character in enumerate(PLAIN_FOR_CMD)}
    given = " ".join(f'"%{name}%"' for name in values)
    outcome = await run(command(f'cmd.exe /c "{TELL} 0 {given}"'), Variables(values))
    assert outcome.exit_code == 0, outcome
    assert (await when_told(told))["arguments"] == list(values.values())


@pytest.mark.parametrize("character", "%^&|<>\"!\n\r'`;()")
async def test_what_cmd_could_take_for_code_is_refused(told: Path, character: str) -> None:
    """Fault: a value means something to cmd.exe. dlcore refuses the line and starts nothing."""
    item = command(f'cmd.exe /c ({TELL} 0 "%V%")')
    outcome = await run(item, Variables({"V": f"a{character}b"}))
    assert outcome.exit_code == CANNOT_RUN
    assert "%V%" in outcome.message
    assert told.name not in names_in(told.parent)


def test_the_watched_process_is_another_one() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    watcher = Watched(process.pid)
    assert not watcher.has_ended()
    watcher.end()
    assert watcher.has_ended(START_S)
    watcher.close()
    process.communicate()
