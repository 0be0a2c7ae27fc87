"""Which copy of a Windows program a step starts."""

from __future__ import annotations

import pytest

from dlcore.steps.commands.wow64 import redirected

WINDOWS = {"SystemRoot": r"C:\Windows", "PROCESSOR_ARCHITECTURE": "AMD64"}


@pytest.mark.parametrize(
    ("program", "started"),
    [
        (r"C:\Windows\System32\cmd.exe", r"C:\Windows\SysWOW64\cmd.exe"),
        (r"c:\WINDOWS\system32\wbem\wmic.exe", r"C:\Windows\SysWOW64\wbem\wmic.exe"),
        (r"C:\Windows\Sysnative\cmd.exe", r"C:\Windows\System32\cmd.exe"),
        (r"C:\Windows\System32\spool\x.exe", r"C:\Windows\System32\spool\x.exe"),
        (r"C:\Windows\System32x\cmd.exe", r"C:\Windows\System32x\cmd.exe"),
        (r"D:\tools\cmd.exe", r"D:\tools\cmd.exe"),
        ("cmd", "cmd"),
    ],
)
def test_a_32_bit_parent_starts_the_32_bit_copy(program: str, started: str) -> None:
    assert redirected(program, WINDOWS, lambda _: True) == started


def test_a_program_without_a_32_bit_copy_is_started_all_the_same() -> None:
    program = r"C:\Windows\System32\manage-bde.exe"
    assert redirected(program, WINDOWS, lambda path: "SysWOW64" not in path) == program


@pytest.mark.parametrize("environment", [{}, {**WINDOWS, "PROCESSOR_ARCHITECTURE": "x86"}])
def test_other_systems_have_one_copy(environment: dict[str, str]) -> None:
    program = r"C:\Windows\System32\cmd.exe"
    assert redirected(program, environment, lambda _: True) == program
