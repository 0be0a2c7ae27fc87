"""Explanations of exit codes."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.steps.exit_codes import explain, explain_setup


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (0xC1900210, "MOSETUP_E_COMPAT_SCANONLY"),
        (-1047526896, "MOSETUP_E_COMPAT_SCANONLY"),
        (0xC1900208, "MOSETUP_E_COMPAT_INSTALLREQ_BLOCK"),
        (0xC1900204, "MOSETUP_E_COMPAT_MIGCHOICE_BLOCK"),
        (0xC1900200, "MOSETUP_E_COMPAT_SYSREQ_BLOCK"),
        (0xC190020E, "MOSETUP_E_INSTALLDISKSPACE_BLOCK"),
        (1603, "ERROR_INSTALL_FAILURE"),
        (3010, "ERROR_SUCCESS_REBOOT_REQUIRED"),
        (5, "ERROR_ACCESS_DENIED"),
        (0x80070005, "ERROR_ACCESS_DENIED"),
        (-2147024891, "ERROR_ACCESS_DENIED"),
        (0x80070643, "ERROR_INSTALL_FAILURE"),
        (0x80004005, "E_FAIL"),
        (4316, "ERROR_RESOURCE_NOT_PRESENT"),
    ],
)
def test_a_known_code_is_explained(code: int, name: str) -> None:
    assert explain(code).startswith(f"{name}: ")


@pytest.mark.skipif(os.name != "posix", reason="no shell runs command lines there")
@pytest.mark.parametrize(("code", "clue"), [(126, "`sh FILE`"), (127, "did not find the command")])
def test_a_code_of_the_shell_is_explained(code: int, clue: str) -> None:
    assert clue in explain(code)
    assert explain(0x80070000 + code) == ""


@pytest.mark.parametrize("code", [0, 77, 0x8007FFFF, 0x80080005])
def test_an_unknown_code_is_not_explained(code: int) -> None:
    assert explain(code) == ""


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (3, "CONX_SETUP_EXITCODE_CONTINUE_REBOOT"),
        (5, "CONX_SETUP_EXITCODE_RESUME_AT_COMPAT_REPORT"),
        (0xC1900101, "MOSETUP_E_SETUP_PLATFORM"),
    ],
)
def test_windows_setup_has_meanings_of_its_own(code: int, name: str) -> None:
    assert explain_setup(code).startswith(f"{name}: ")


@given(st.integers(-(1 << 31), (1 << 32) - 1))
def test_signed_and_unsigned_codes_mean_the_same(code: int) -> None:
    assert explain(code) == explain(code & 0xFFFFFFFF)
    assert not explain(code).endswith(".")
