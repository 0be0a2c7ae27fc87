"""Questions that Windows itself answers: its registry, and the versions of its files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcore.tasksequence import Operator, RegistryExpression, Verdict, windows_evaluator
from dlcore.tasksequence.tree import FileExpression
from dlcore.tasksequence.windows import RegistryValue
from dlcore.tasksequence.windows_probes import SystemProbes

if sys.platform != "win32":
    pytest.skip("only Windows has a registry and versions of files", allow_module_level=True)

import winreg

BELOW = rf"Software\dlcore tests {os.getpid()}"
KEY = rf"HKEY_CURRENT_USER\{BELOW}"


@pytest.fixture(scope="module", autouse=True)
def _values() -> Iterator[None]:
    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, BELOW) as key:
        winreg.SetValueEx(key, "text", 0, winreg.REG_SZ, "Contoso Größe")
        winreg.SetValueEx(key, "path", 0, winreg.REG_EXPAND_SZ, r"%WINDIR%\x")
        winreg.SetValueEx(key, "number", 0, winreg.REG_DWORD, 0xFFFFFFFF)
        winreg.SetValueEx(key, "long", 0, winreg.REG_QWORD, 1 << 40)
        winreg.SetValueEx(key, "bytes", 0, winreg.REG_BINARY, b"\x00\x01")
        winreg.SetValueEx(key, "texts", 0, winreg.REG_MULTI_SZ, ["a", "b"])
        winreg.SetValueEx(key, "", 0, winreg.REG_SZ, "default")
        yield
    winreg.DeleteKey(winreg.HKEY_CURRENT_USER, BELOW)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", RegistryValue("REG_SZ", "Contoso Größe")),
        ("TEXT", RegistryValue("REG_SZ", "Contoso Größe")),
        ("path", RegistryValue("REG_EXPAND_SZ", r"%WINDIR%\x")),
        ("number", RegistryValue("REG_DWORD", "4294967295")),
        ("long", RegistryValue("REG_QWORD", "1099511627776")),
        ("bytes", RegistryValue("REG_BINARY", None)),
        ("texts", RegistryValue("REG_MULTI_SZ", None)),
        ("", RegistryValue("REG_SZ", "default")),
        ("none", None),
    ],
)
def test_values_of_the_registry(name: str, value: RegistryValue | None) -> None:
    assert SystemProbes().registry_value(KEY, name) == value
    assert SystemProbes().registry_value(KEY.replace("HKEY_CURRENT_USER", "hkcu"), name) == value


def test_keys_of_the_registry() -> None:
    probes = SystemProbes()
    assert probes.key_exists(KEY)
    assert probes.key_exists(KEY + "\\")
    assert not probes.key_exists(rf"{KEY}\none")
    assert probes.registry_value(rf"{KEY}\none", "text") is None
    with pytest.raises(OSError, match="HKEY_NONE is not a hive"):
        probes.key_exists(r"HKEY_NONE\x")


def test_conditions_are_decided_by_the_registry() -> None:
    decide = windows_evaluator(SystemProbes())
    is_more = RegistryExpression(KEY, Operator.GREATER, "number", "REG_DWORD", "4294967294")
    assert decide(is_more, {}) is Verdict.TRUE
    is_there = RegistryExpression(rf"{KEY}\none", Operator.EXISTS)
    assert decide(is_there, {}) is Verdict.FALSE


def test_the_version_of_a_file_is_that_of_its_resources() -> None:
    """Python's DLL has Python's version: 3.11.9 is 3.11.9150.1013 there."""
    dll = Path(sys.base_prefix) / f"python{sys.version_info[0]}{sys.version_info[1]}.dll"
    major, minor, *_ = SystemProbes().file_version(str(dll)).split(".")
    assert (int(major), int(minor)) == sys.version_info[:2]
    decide = windows_evaluator(SystemProbes())
    assert decide(FileExpression(str(dll), "3.10", Operator.GREATER), {}) is Verdict.TRUE
    assert decide(FileExpression(str(dll), "99.0", Operator.GREATER), {}) is Verdict.FALSE


def test_a_file_without_a_version_decides_nothing(tmp_path: Path) -> None:
    """Fault: a file has no version in its resources. dlcore does not compare it."""
    path = tmp_path / "plain.txt"
    path.write_text("nothing")
    assert SystemProbes().file_version(str(path)) == ""
    decide = windows_evaluator(SystemProbes())
    assert decide(FileExpression(str(path), "0.0", Operator.EQUALS), {}) is Verdict.UNDECIDED


def test_a_file_that_is_not_there_has_no_version(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SystemProbes().file_version(str(tmp_path / "none.exe"))
