"""What a command line starts on Windows: programs, and files that a program opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.steps.commands.process import Command, Scene
from dlcore.steps.commands.windows_command import windows_command
from dlcore.steps.interface import Job
from dlcore.tasksequence import Step, Variables

TEMPLATES = {
    ".msi": r'"C:\Windows\System32\msiexec.exe" /i "%1" %*',
    ".vbs": r"C:\Windows\System32\WScript.exe %1 %*",
    ".lst": r"C:\Program Files\Lister\list.exe /open",
    ".old": r'"C:\old.exe" "%L"',
    ".run": r'cmd.exe /c "%1" %*',
}


class Known:
    """The file types of a test. Implements `Associations`."""

    def open_command(self, extension: str) -> str:
        return TEMPLATES.get(extension, "")


def started(line: str, *, is_redirected: bool = False, **variables: str) -> Command:
    environment = {"SystemRoot": r"C:\Windows", "PROCESSOR_ARCHITECTURE": "AMD64"}
    scene = Scene(Job(Step(0, "", ""), Variables(variables)), Path(), environment, Path())
    return windows_command(
        line,
        scene,
        is_redirected=is_redirected,
        associations=Known(),
        find=lambda name, _: name if "\\" in name else "D:\\pkg\\" + name,
    )


@pytest.mark.parametrize(
    ("line", "text", "program"),
    [
        ("setup.exe /q", "setup.exe /q", r"D:\pkg\setup.exe"),
        ("setup /q", "setup /q", r"D:\pkg\setup"),
        (
            "setup.MSI /qn",
            r'"C:\Windows\System32\msiexec.exe" /i "D:\pkg\setup.MSI" /qn',
            r"C:\Windows\System32\msiexec.exe",
        ),
        (
            '"two words.vbs" %Value% b',
            r'C:\Windows\System32\WScript.exe "D:\pkg\two words.vbs" "a b" b',
            r"C:\Windows\System32\WScript.exe",
        ),
        ("x.lst", r'C:\Program Files\Lister\list.exe /open "D:\pkg\x.lst"', None),
        ("x.old /a", r'"C:\old.exe" "D:\pkg\x.old" /a', r"C:\old.exe"),
        ("x.unknown /a", "x.unknown /a", r"D:\pkg\x.unknown"),
    ],
)
def test_a_file_is_started_by_what_opens_it(line: str, text: str, program: str | None) -> None:
    wanted = program or r"C:\Program Files\Lister\list.exe"
    assert started(line, Value="a b") == Command(text, program=wanted)


def test_a_file_that_an_interpreter_opens_is_refused() -> None:
    """Fault: cmd.exe opens a file and parses its arguments again. dlcore refuses the line."""
    with pytest.raises(ValueError, match=r"\.run are opened by cmd\.exe"):
        started("x.run %Value%", Value="a & b")


def test_a_value_that_looks_like_a_place_of_the_template_stays_data() -> None:
    opener = r'"C:\Windows\System32\msiexec.exe" /i "D:\pkg\a.msi"'
    assert started("a.msi %Value%", Value="%1 %*").arguments == f'{opener} "%1 %*"'


def test_the_32_bit_copy_of_a_program_is_started_if_it_exists() -> None:
    line = r"C:\Windows\Sysnative\cmd.exe /c x"
    assert started(line, is_redirected=True).program == r"C:\Windows\System32\cmd.exe"
    assert started(line).program == r"C:\Windows\Sysnative\cmd.exe"
