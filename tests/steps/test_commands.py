"""Real command lines: what they see, what they set, how they end."""

from __future__ import annotations

import asyncio
import base64
import errno
import os
import select
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from dlcore.steps.commands.command_output import CommandOutput
from dlcore.steps.commands.process import TIMED_OUT
from dlcore.steps.interface import CANNOT_RUN, Job, Outcome
from dlcore.steps.registry import standard_executors
from dlcore.tasksequence import Step, Variables, read
from tests.engine.scene import sequence, step

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells when children end")
PACKAGE = "ABC00001"


def parsed(xml: str) -> Step:
    return read(sequence(xml), source="test").steps[0]


def command(line: str, **more: str) -> Step:
    return parsed(step("command", CommandLine=line, **more))


async def run(
    item: Step, variables: Variables | None = None, content: Mapping[str, Path] | None = None
) -> Outcome:
    given = Variables() if variables is None else variables
    return await standard_executors().run(Job(item, given, content or {}))


async def gone(pid: int) -> bool:
    """Whether the process ends within seconds."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(process, ended.set)
    try:
        async with asyncio.timeout(5):
            return await ended.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(process)
        os.close(process)


async def test_a_commands_exit_code_is_the_steps() -> None:
    assert (await run(command("exit 7"))).exit_code == 7


async def test_a_command_runs_in_its_packages_folder(tmp_path: Path) -> None:
    (tmp_path / "marker").touch()
    item = command("test -f marker", package=PACKAGE)
    assert (await run(item, content={PACKAGE: tmp_path})).exit_code == 0


async def test_a_command_starts_where_it_says(tmp_path: Path) -> None:
    (tmp_path / "marker").touch()
    item = parsed(step("c", attributes='startIn="%WHERE%"', CommandLine="test -f marker"))
    assert (await run(item, Variables({"WHERE": str(tmp_path)}))).exit_code == 0


async def test_variables_are_expanded_and_in_the_environment() -> None:
    item = command('test "%A%" = x && test "$B" = y')
    assert (await run(item, Variables({"A": "x", "B": "y"}))).exit_code == 0


async def test_a_value_is_no_shell_code(tmp_path: Path) -> None:
    """Fault: a variable's value is a shell command. dlcore passes it as data."""
    attack = "x; touch owned; '\"$(touch owned)\"'"
    item = command("printf '%s' %A% \"%A%\" > got", package=PACKAGE)
    assert (await run(item, Variables({"A": attack}), {PACKAGE: tmp_path})).exit_code == 0
    assert not (tmp_path / "owned").exists()
    assert (tmp_path / "got").read_text() == attack * 2


async def test_a_command_gets_no_credential(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault K4: a step prints its environment. dlcore has put no credential into it."""
    caplog.set_level("INFO")
    for name in [name for name in os.environ if name.startswith("DLCORE_")]:
        monkeypatch.delenv(name)  # what the tests themselves are set up with
    for name in ("DLCORE_TOKEN", "DLCORE_SAS", "SITE_TOKEN"):
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:canary@proxy:1")
    executor = standard_executors({"SITE_TOKEN"})
    variables = Variables({"PATH": "owned", "LD_PRELOAD": "owned", "home": "owned", "Own": "1"})
    item = command("env > env", package=PACKAGE)
    for _ in range(2):
        outcome = await executor.run(Job(item, variables, {PACKAGE: tmp_path}))
        assert outcome.exit_code == 0
    got = (tmp_path / "env").read_text()
    assert "canary" not in got
    assert "owned" not in got
    assert "Own=1\n" in got
    assert caplog.messages == [
        "not passed on to commands: DLCORE_SAS DLCORE_TOKEN SITE_TOKEN",
        "not set for commands: LD_PRELOAD PATH home",
    ]


async def test_a_command_that_sets_too_much_fails_its_step() -> None:
    """Fault: a command fills the file of variables. dlcore fails the step and sets nothing."""
    line = 'echo A=1 > "$DLCORE_VARIABLES"; head -c 1100000 /dev/zero >> "$DLCORE_VARIABLES"'
    variables = Variables()
    outcome = await run(command(line), variables)
    assert outcome == Outcome(CANNOT_RUN, message="DLCORE_VARIABLES is longer than 1048576 bytes")
    assert not variables


async def test_a_variable_unfit_for_the_environment_does_no_harm() -> None:
    variables = Variables({"A=B": "x", "": "y", "NUL": "a\0b"})
    assert (await run(command("true"), variables)).exit_code == 0


async def test_a_command_sets_variables() -> None:
    variables = Variables({"Old": "1"})
    line = r"""printf 'OLD=2\nNew = a=b\013c \r\nno value\n=x\n' >> "$DLCORE_VARIABLES" """
    assert (await run(command(line), variables)).exit_code == 0
    assert dict(variables) == {"Old": "2", "New": " a=b\x0bc "}


async def test_a_command_may_remove_the_file_for_variables() -> None:
    assert (await run(command('rm "$DLCORE_VARIABLES"'))).exit_code == 0


async def test_the_command_of_an_old_export_stands_in_its_action() -> None:
    item = parsed(
        '<step type="SMS_TaskSequence_RunCommandLineAction" name="old">'
        "<action>smsswd.exe /run:ABC00001 exit 3</action></step>"
    )
    assert (await run(item)).exit_code == 3


async def test_a_step_without_a_command_fails_saying_so() -> None:
    outcome = await run(command(" "))
    assert (outcome.exit_code, outcome.message) == (CANNOT_RUN, "the step has no command line")


def test_a_step_without_a_command_is_refused_before_the_run() -> None:
    assert standard_executors().obstacle(command(" "), {}) == "the step has no command line"


async def test_a_folder_that_is_missing_fails_the_step(tmp_path: Path) -> None:
    item = parsed(step("c", attributes=f'startIn="{tmp_path}/nowhere"', CommandLine="true"))
    outcome = await run(item)
    assert outcome.exit_code == CANNOT_RUN
    reason = os.strerror(errno.ENOENT)
    assert outcome.message == f"cannot start in {tmp_path}/nowhere: {reason}"


async def test_other_steps_are_refused_by_type() -> None:
    outcome = await run(parsed(step("x", "VendorAction")))
    assert outcome.exit_code == CANNOT_RUN
    assert "VendorAction" in outcome.message


async def test_a_reboot_step_asks_for_a_restart() -> None:
    assert (await run(parsed(step("x", "RebootAction")))).restart


async def test_a_time_out_ends_the_command_and_its_children(tmp_path: Path) -> None:
    line = f"sleep 600 & echo $! > {tmp_path}/child; wait"
    item = parsed(step("slow", attributes='timeout="1"', CommandLine=line))
    started_s = time.monotonic()
    outcome = await run(item)
    assert time.monotonic() - started_s < 10
    assert (outcome.exit_code, outcome.message) == (TIMED_OUT, "ran longer than 1 s")
    assert await gone(int((tmp_path / "child").read_text()))


async def test_a_cancelled_step_leaves_no_process(tmp_path: Path) -> None:
    """Fault P3: a step is cancelled. dlcore leaves no process."""
    child = tmp_path / "child"
    os.mkfifo(child)
    task = asyncio.create_task(run(command(f"sleep 600 & echo $! > {child}; wait")))
    pid = int(await asyncio.to_thread(child.read_text))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(pid)


async def test_a_step_cancelled_while_it_starts_leaves_no_process(tmp_path: Path) -> None:
    child = tmp_path / "child"
    os.mkfifo(child)
    said = os.open(child, os.O_RDONLY | os.O_NONBLOCK)
    task = asyncio.create_task(run(command(f"sleep 600 & echo $! > {child}; wait")))
    for _ in range(2):  # the shell is started, and asyncio has not noticed yet
        await asyncio.sleep(0)
    select.select([said], [], [], 10)  # blocks the event loop on purpose
    pid = int(os.read(said, 100))
    os.close(said)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(pid)


async def test_a_command_that_a_signal_ends_has_failed() -> None:
    outcome = await run(command("kill -9 $$"))
    assert outcome.exit_code == -signal.SIGKILL & 0xFFFFFFFF


async def test_output_goes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    await run(command("echo said; echo complained >&2"))
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.split() == ["said", "complained"]


def powershell(**more: str) -> Step:
    return parsed(step("script", "RunPowerShellScriptAction", **more))


async def test_without_powershell_the_step_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = await run(powershell())
    assert (outcome.exit_code, outcome.message) == (CANNOT_RUN, "PowerShell is not installed")


def called(log: Path) -> list[str]:
    """What the fake PowerShell was called with; nothing if it was not."""
    return log.read_text().split("\n") if log.exists() else []


@pytest.fixture
def pwsh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A PowerShell that only writes down how it was called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    shell = folder / "pwsh"
    shell.write_text(
        f'#!{sys.executable}\nimport os, sys\nopen({str(tmp_path / "called")!r}, "w").write('
        '"\\n".join([os.getcwd(), *sys.argv[1:]]))\nsys.exit(4)\n'
    )
    shell.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return tmp_path / "called"


async def test_a_script_of_the_package_is_called(pwsh: Path, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "it's.ps1").touch()
    item = powershell(
        OSDRunPowerShellScriptPackageID=PACKAGE,
        OSDRunPowerShellScriptScriptName="sub\\it's.ps1",
        OSDRunPowerShellScriptParameters="-Name %WHO%",
    )
    outcome = await run(item, Variables({"WHO": "me"}), {PACKAGE: tmp_path})
    assert outcome.exit_code == 4
    *_, policy, _, line = called(pwsh)
    assert policy == "AllSigned"
    assert line == f"& '{tmp_path}/sub/it''s.ps1' -Name me; exit $LASTEXITCODE"


async def test_a_script_in_the_step_is_written_out(pwsh: Path) -> None:
    source = base64.b64encode("\ufeffWrite-Host 'é'".encode("utf-16-le")).decode()
    item = powershell(OSDRunPowerShellScriptSourceScript=source)
    assert (await run(item)).exit_code == 4
    assert "script.ps1" in called(pwsh)[-1]


@pytest.mark.parametrize("source", ["***", base64.b64encode(b"odd").decode()])
async def test_a_script_that_is_none_fails_the_step(pwsh: Path, source: str) -> None:
    outcome = await run(powershell(OSDRunPowerShellScriptSourceScript=source))
    assert (outcome.exit_code, "base64" in outcome.message) == (CANNOT_RUN, True)
    assert not called(pwsh)


async def test_a_script_that_is_not_there_is_named(pwsh: Path) -> None:
    outcome = await run(powershell(OSDRunPowerShellScriptScriptName="gone.ps1"))
    assert (outcome.exit_code, "'gone.ps1'" in outcome.message) == (CANNOT_RUN, True)
    assert not called(pwsh)


async def test_a_time_out_ends_what_has_left_the_group(tmp_path: Path) -> None:
    """Fault P3: a step's command starts a daemon and takes too long. dlcore ends both."""
    line = f"(setsid sh -c 'echo $$ > {tmp_path}/child; exec sleep 600' &); sleep 600"
    outcome = await run(parsed(step("slow", attributes='timeout="1"', CommandLine=line)))
    assert outcome.exit_code == TIMED_OUT
    assert await gone(int((tmp_path / "child").read_text()))


async def test_a_process_that_a_command_leaves_behind_goes_on(tmp_path: Path) -> None:
    line = f"sleep 600 & echo $! > {tmp_path}/child"
    assert (await run(command(line))).exit_code == 0  # though the pipe is still open
    os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)


async def test_the_last_lines_of_the_output_are_in_the_outcome() -> None:
    outcome = await run(command("echo one; echo two >&2; echo three; exit 3"))
    assert outcome == Outcome(3, output="one\ntwo\nthree")


async def test_a_command_that_takes_too_long_has_an_output(tmp_path: Path) -> None:
    item = parsed(step("s", attributes='timeout="1"', CommandLine="echo begun; sleep 600"))
    assert (await run(item)).output == "begun"


async def test_a_secret_is_not_in_the_output(capfd: pytest.CaptureFixture[str]) -> None:
    """Fault: a command prints a password. dlcore shows it neither live nor in the report."""
    variables = Variables({"Password": "hunter2"})
    variables.mark_secret("Password")
    item = command('echo "a $Password b hunter3x"', SMSTSRunCommandLineUserPassword="hunter3x")
    outcome = await run(item, variables)
    assert outcome.output == "a *** b ***"
    assert capfd.readouterr().err == "a *** b ***\n"


async def test_a_secret_is_not_in_a_message(pwsh: Path) -> None:
    variables = Variables({"OSDJoinPassword": "hunter2"})
    item = powershell(OSDRunPowerShellScriptScriptName="%OSDJoinPassword%.ps1")
    assert "'***.ps1'" in (await run(item, variables)).message


async def test_a_variable_gets_the_end_of_the_output() -> None:
    variables = Variables({"Where": "Result"})
    item = command(
        "seq 1000; echo last >&2; exit 5", SMSTSRunCommandLineOutputVariableName=" %Where% "
    )
    assert (await run(item, variables)).exit_code == 5
    assert len(variables["Result"]) == 1000
    assert variables["Result"].endswith("999\n1000\nlast")


async def test_a_variable_with_a_secret_in_it_is_secret() -> None:
    variables = Variables({"OSDJoinPassword": "hunter2"})
    item = command("echo 1 hunter2", SMSTSRunCommandLineOutputVariableName="Result")
    await run(item, variables)
    assert variables["Result"] == "1 hunter2"
    assert "Result" in variables.secrets


@pytest.mark.parametrize("name", ["_SMSTSInWinPE", "A%B"])
async def test_a_variable_that_may_not_be_set_gets_no_output(tmp_path: Path, name: str) -> None:
    item = command(f"touch {tmp_path}/ran", SMSTSRunCommandLineOutputVariableName=name)
    outcome = await run(item)
    assert outcome.exit_code == CANNOT_RUN
    assert f"the output variable sets {name!r}" in outcome.message
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("variables", "start_in"),
    [
        ({"WorkingDirectory": "sub\\deep"}, "/nowhere"),
        ({"workingdirectory": ""}, "sub/deep"),
        ({"X": "deep"}, "sub\\%X%"),
    ],
)
async def test_the_working_folder_is_relative_to_the_package(
    tmp_path: Path, variables: dict[str, str], start_in: str
) -> None:
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    item = parsed(
        step(
            "c",
            attributes=f'startIn="{start_in}"',
            CommandLine='test "${PWD#*/sub/}" = deep',
            package=PACKAGE,
        )
    )
    assert (await run(item, Variables(variables), {PACKAGE: tmp_path})).exit_code == 0


async def test_a_variable_overrides_the_command_line() -> None:
    assert (await run(command("exit 1"), Variables({"COMMANDLINE": "exit 2"}))).exit_code == 2


@pytest.mark.parametrize(
    ("kind", "own", "variables", "why"),
    [
        ("RunCommandLineAction", {"_SMSTSRunCommandLineAsUser": "True"}, {}, "CommandLineUserName"),
        ("RunCommandLineAction", {}, {"SMSTSRunCommandLineAsUser": "true"}, "CommandLineUserName"),
        ("RunPowerShellScriptAction", {"_SMSTSRunPowerShellAsUser": "true"}, {}, "ShellUserName"),
        (
            "RunCommandLineAction",
            {"CommandLine": '"C:\\x\\OSDDownloadContent.exe" /a'},
            {},
            "client",
        ),
        (
            "RunCommandLineAction",
            {"CommandLine": "smsswd.exe /run:X osddownloadcontent.exe"},
            {},
            "use",
        ),
        *(
            ("RunCommandLineAction", {"CommandLine": line}, {}, f"{tool}.exe is a part")
            for tool, line in [
                ("osddownloadcontent", "cmd /c OSDDownloadContent.exe && del x"),
                ("osddownloadcontent", 'cmd.exe /c "OSDDownloadContent && del x"'),
                ("osddownloadcontent", "cmd /c echo x & C:\\CCM\\OSDDownloadContent.exe"),
                ("smsswd", "cmd /c smsswd.exe /run:ABC00001 setup.exe"),
                ("smsswd", "smsswd /pkg:ABC00001 /install"),
            ]
        ),
    ],
)
async def test_a_step_that_cannot_be_run_says_so_before_and_at_its_turn(
    pwsh: Path, kind: str, own: dict[str, str], variables: dict[str, str], why: str
) -> None:
    item = parsed(step("c", kind, **{"CommandLine": "true", **own}))
    told = standard_executors().obstacle(item, Variables(variables))
    assert why in told
    assert await run(item, Variables(variables)) == Outcome(CANNOT_RUN, message=told)


@pytest.mark.parametrize(
    "runner",
    ["smsswd.exe", "SMSSWD", "C:\\CCM\\smsswd.exe", '"C:\\Program Files\\CCM\\smsswd.exe"'],
)
async def test_what_starts_a_package_s_command_is_not_started_itself(runner: str) -> None:
    """Fault: a line runs its command by a program of ConfigMgr's. dlcore runs the command."""
    item = command(f"{runner} /run:ABC00001 exit 5")
    assert standard_executors().obstacle(item, Variables()) == ""
    assert (await run(item, Variables())).exit_code == 5


async def test_a_step_may_say_that_it_asks_for_no_account() -> None:
    item = command("true", _SMSTSRunCommandLineAsUser="false")
    assert standard_executors().obstacle(item, Variables()) == ""


def test_a_step_without_a_script_is_refused_before_the_run(pwsh: Path) -> None:
    why = standard_executors().obstacle(powershell(), {})
    assert why.startswith("the step has no script (OSDRunPowerShellScriptSourceScript)")


async def test_an_unknown_execution_policy_is_refused(pwsh: Path) -> None:
    source = base64.b64encode("1".encode("utf-16-le")).decode()
    item = powershell(
        OSDRunPowerShellScriptSourceScript=source, OSDRunPowerShellScriptExecutionPolicy="x; y"
    )
    outcome = await run(item)
    assert outcome.message == "'x; y' is not an execution policy of PowerShell"
    assert not called(pwsh)


async def test_the_script_lies_in_the_package_wherever_it_starts(
    pwsh: Path, tmp_path: Path
) -> None:
    (tmp_path / "s.ps1").touch()
    item = powershell(
        OSDRunPowerShellScriptPackageID=PACKAGE, OSDRunPowerShellScriptScriptName="s.ps1"
    )
    variables = Variables(
        {"SMSTSRunPowerShellWorkingDirectory": "bin", "WorkingDirectory": "/nowhere"}
    )
    assert (await run(item, variables, {PACKAGE: tmp_path})).exit_code == 4
    assert f"{tmp_path}/s.ps1" in called(pwsh)[-1]
    assert called(pwsh)[0] == str(tmp_path / "bin")


async def test_a_command_whose_output_nobody_can_read_is_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Fault: no thread is left as a command has started. dlcore ends it, and says so."""
    note = tmp_path / "pid"

    def fail(_: CommandOutput) -> None:
        while not (note.exists() and note.read_text().endswith("\n")):
            time.sleep(0)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(CommandOutput, "begin", fail)
    with pytest.raises(RuntimeError, match="can't start"):
        await run(command(f"sh -c 'echo $$ > {note}; exec sleep 1000'"))
    assert await gone(int(note.read_text()))
