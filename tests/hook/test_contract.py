"""How Windows calls the program, and what its exit code means."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.errors import ConfigError
from dlcore.hook.contract import Failure, failure, parse_call, system_status
from dlcore.hook.stand_in import VariablesInMemory

FOLDER = "C:\\_SMSTaskSequence\\Packages\\ABC00012"


def of(**values: str) -> Failure:
    return failure(VariablesInMemory(values))


def test_the_arguments_are_ini_package_and_destination() -> None:
    call = parse_call(
        ["X:\\Windows\\TEMP\\SMSTSDownload.INI", "abc00012", FOLDER], platform="win32"
    )
    assert (call.package_id, str(call.destination)) == ("ABC00012", FOLDER)


def test_a_backslash_before_the_closing_quotation_mark_does_no_harm() -> None:
    """By Windows' rules it is one that belongs to the argument."""
    call = parse_call(["ini", "ABC00012", 'C:\\a folder"'], platform="win32")
    assert str(call.destination) == "C:\\a folder"


@pytest.mark.parametrize(
    ("destination", "platform"),
    [
        *(("relative", "win32"), ("\\no drive", "win32"), ("C:no root", "win32"), ("", "win32")),
        *(("relative", "linux"), ("", "linux"), ("/with\0zero", "linux")),
    ],
)
def test_a_destination_that_is_not_absolute_is_refused(destination: str, platform: str) -> None:
    with pytest.raises(ConfigError, match="is not an absolute path"):
        parse_call(["ini", "ABC00012", destination], platform=platform)


@pytest.mark.parametrize("package", ["", "ABC", "..\\..\\x", "ABC00012 /x", "00000000"])
def test_a_package_id_that_is_none_is_refused(package: str) -> None:
    with pytest.raises(ConfigError, match="is not a package id"):
        parse_call(["ini", package, FOLDER], platform="win32")


def test_what_stands_in_place_of_a_package_id_is_not_shown() -> None:
    """Were the order of the arguments another one, it would be the INI file's name."""
    with pytest.raises(ConfigError) as refused:
        parse_call(["ABC00012", "C:\\TEMP\\SMSTSDownload.INI", FOLDER], platform="win32")
    assert "INI" not in refused.value.message.upper()


@given(st.lists(st.text(), max_size=6))
def test_any_other_call_is_refused_by_an_error_that_is_told(arguments: list[str]) -> None:
    with contextlib.suppress(ConfigError):
        assert parse_call(arguments, platform="win32").package_id


def test_a_failure_falls_back() -> None:
    assert of() == Failure(1)


def test_a_failure_never_has_the_abort_code_by_chance() -> None:
    assert of(SMSTSDownloadAbortCode="1") == Failure(2)


@pytest.mark.parametrize(
    ("text", "code"), [("42", 42), (" 0x2A ", 42), ("-5", 0xFFFFFFFB), ("4294967291", 0xFFFFFFFB)]
)
def test_a_failure_is_final_if_the_settings_say_so(text: str, code: int) -> None:
    found = of(SMSTSDownloadAbortCode=text, DLCORE_HOOK_ON_FAILURE="Abort")
    assert found == Failure(code, is_final=True)


@pytest.mark.parametrize("text", ["", "0", "none", "1.5", "4294967296", "-2147483649", "0x"])
def test_without_an_abort_code_no_failure_is_final(text: str) -> None:
    found = of(SMSTSDownloadAbortCode=text, DLCORE_HOOK_ON_FAILURE="abort")
    assert found.status in (1, 2)
    assert not found.is_final
    assert "SMSTSDownloadAbortCode" in found.note


@given(st.text(), st.text())
def test_no_setting_makes_a_failure_a_success(code: str, wish: str) -> None:
    assert of(SMSTSDownloadAbortCode=code, DLCORE_HOOK_ON_FAILURE=wish).status != 0


@given(st.integers(0, 2**32 - 1))
def test_windows_gets_each_exit_code_as_it_is(code: int) -> None:
    status = system_status(code, platform="nt")
    assert -(2**31) <= status < 2**31
    assert status % 2**32 == code
