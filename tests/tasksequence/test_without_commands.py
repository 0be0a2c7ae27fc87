"""Of the command lines of a sequence that is kept, only what content depends on stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.tasksequence import (
    Step,
    needs,
    possible_needs,
    read,
    unresolved_needs,
    variables_written,
    without_commands,
)
from dlcore.tasksequence.package_references import is_download
from dlcore.tasksequence.without_commands import masked
from tests.tasksequence.documents import LAW, cim, of_2007, sequence, step
from tests.tasksequence.test_samples import SAMPLES, sample

SECRET = "correct-horse"
LINES = {
    f"net use X: /user:admin {SECRET}": "net ***",
    f"smsswd.exe /run:ABC00012 cmd /c net use {SECRET}": "smsswd.exe /run:ABC00012 cmd /c net ***",
    f'"C:\\Program Files\\x.exe" -Password "{SECRET} x"': '"C:\\Program Files\\x.exe" ***',
    f"cmd.exe /c OSDDownloadContent.exe & echo {SECRET}": "cmd.exe /c OSDDownloadContent.exe & ***",
    f"OSDApplyOS.exe /image:ABC00001,1 /p:{SECRET}": "OSDApplyOS.exe /image:ABC00001 ***",
    f'smsswd.exe /pkg:ABC00012 /install {SECRET} /basevar:APP"': (
        "smsswd.exe /pkg:ABC00012 *** /basevar:APP"
    ),
    "setup.exe": "setup.exe",
    "": "",
}


@pytest.mark.parametrize("line", LINES)
def test_a_command_line_is_masked(line: str) -> None:
    """Fault: a password stands in a command line of a step. What is kept of the sequence does not
    have it.
    """
    assert masked(line) == LINES[line]
    assert masked(masked(line)) == masked(line)


@pytest.mark.parametrize(
    "parameters",
    [
        {"CommandLine": f"net use /user:x {SECRET}"},
        {"OSDRunPowerShellScriptParameters": f"-Password {SECRET}"},
        {"OSDRunPowerShellScriptSourceScript": SECRET},
        {"OSDSetupAdditionalUpgradeOptions": SECRET},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
@pytest.mark.parametrize("form", [str, of_2007, cim], ids=["plain", "2007", "cim"])
def test_no_form_of_an_export_keeps_it(form: object, parameters: dict[str, str]) -> None:
    assert callable(form)
    document = sequence(step("RunPowerShellScriptAction", parameters=parameters))
    made = form(document)
    text = made.decode() if isinstance(made, bytes) else made
    assert SECRET in text
    assert SECRET not in without_commands(text, "test")


PIECES = st.sampled_from(
    [
        *("smsswd.exe", '"smsswd.exe"', "/run:ABC00012", "/run:", "/pkg:ABC00012"),
        *("cmd", "cmd.exe"),
        *("/c", "/k", "/cnet", "OSDDownloadContent.exe", "&", "|", "a&b", '"a b"', '"', "%PROG%"),
        *("/image:ABC00001,2", "/install:ABC00002", '"/config:ABC00003"', "/basevar:APP", "word"),
        *("/sysprep:ABC00004", "ABC00005", "tsenv.exe", "C:\\x\\smsswd.exe", "", "/RUN:abc00012"),
    ]
)
COMMANDS = st.lists(PIECES, max_size=6).map(" ".join)
KINDS = st.sampled_from(
    [
        *("RunCommandLineAction", "ApplyOperatingSystemAction", "InstallSoftwareAction"),
        *("PrepareOSAction", "ApplyDriverPackageAction", "DownloadPackageContentAction", "BDD_New"),
    ]
)


def about_content(step: Step) -> tuple[object, ...]:
    """What looking ahead finds in a step."""
    known = {
        "APP001": "ABC00007:x",
        "PROG": "smsswd.exe",
        "OSDDownloadDownloadPackages": "ABC00008",
    }
    return (
        *(is_download(step), possible_needs(step), step.listed_packages),
        *(found for v in (None, known) for found in (needs(step, v), unresolved_needs(step, v))),
        *(variables_written(step, v) for v in (None, known)),
    )


@LAW
@given(KINDS, COMMANDS, COMMANDS)
def test_looking_ahead_finds_the_same(kind: str, action: str, command: str) -> None:
    parameters = {"CommandLine": command} if command else {}
    document = sequence(step(kind, action=action, parameters=parameters))
    before, after = (
        read(each.encode(), source="x") for each in (document, without_commands(document, "x"))
    )
    assert list(map(about_content, before.steps)) == list(map(about_content, after.steps))


@pytest.mark.parametrize(
    "name",
    [
        "windows-10-upgrade.object.xml",
        "boundary-group-test.xml",
        "upgrade-compatibility-checks.xml",
    ],
)
def test_of_real_sequences_too(name: str) -> None:
    before = sample(name)
    text = (SAMPLES / name).read_text(encoding="utf-8-sig")
    after = read(without_commands(text, name).encode(), source=name)
    assert list(map(about_content, before.steps)) == list(map(about_content, after.steps))
