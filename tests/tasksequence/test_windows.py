"""The rules for questions about a Windows computer, with a made-up computer."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path

import pytest

from dlcore.tasksequence import (
    ConditionEvaluator,
    Expression,
    FileExpression,
    FolderExpression,
    FrozenVariables,
    Operator,
    OtherExpression,
    RegistryExpression,
    Verdict,
    WmiExpression,
    windows_evaluator,
)
from dlcore.tasksequence.file_version import version_in
from dlcore.tasksequence.windows import Probes, RegistryValue, parse_time
from dlcore.tasksequence.windows_probes import SystemProbes

T, F, U = Verdict.TRUE, Verdict.FALSE, Verdict.UNDECIDED
CREATED = datetime.datetime(2020, 1, 5, 1, 48, 20, 999, tzinfo=datetime.UTC)
KEY = "HKEY_LOCAL_MACHINE\\SYSTEM\\Select"


class Computer:
    """Implements `Probes` with one file, one folder, one key and one query."""

    def file_exists(self, path: str) -> bool:
        return path in ("C:\\x.exe", "C:\\bare.txt")

    def folder_exists(self, path: str) -> bool:
        if path == "Z:\\":
            raise OSError("not ready")
        return path == "C:\\Drivers"

    def created(self, path: str) -> datetime.datetime:
        return CREATED

    def file_version(self, path: str) -> str:
        return "10.0.19041.1" if path == "C:\\x.exe" else ""

    def key_exists(self, key_path: str) -> bool:
        return key_path == KEY

    def registry_value(self, key_path: str, name: str) -> RegistryValue | None:
        values = {
            "Current": RegistryValue("REG_DWORD", "10"),
            "Name": RegistryValue("REG_SZ", "Contoso"),
            "Blob": RegistryValue("REG_BINARY", None),
            "": RegistryValue("REG_SZ", "default"),
        }
        return values.get(name) if key_path == KEY else None

    def wmi_answers(self, namespace: str, query: str) -> bool:
        if "BROKEN" in query:
            raise OSError("invalid class")
        return (namespace, query) == ("root\\cimv2", "SELECT 'Yes'")


@pytest.fixture
def evaluator() -> ConditionEvaluator:
    probes: Probes = Computer()
    return windows_evaluator(probes)


def versions(operator: Operator, version: str, path: str = "C:\\x.exe") -> FileExpression:
    return FileExpression(path, version, operator)


def times(operator: Operator, time: str) -> FolderExpression:
    return FolderExpression("C:\\Drivers", time, operator)


def registry(operator: Operator, name: str = "", data: str = "", kind: str = "") -> Expression:
    return RegistryExpression(KEY, operator, name, kind, data)


@pytest.mark.parametrize(
    ("expression", "verdict"),
    [
        (FileExpression("%drive%\\x.exe"), T),
        (FileExpression("C:\\none"), F),
        (versions(Operator.GREATER, "10.0.9200"), T),
        (versions(Operator.EQUALS, "10.0.19041.1.0"), T),
        (versions(Operator.LESS_EQUAL, "9.9"), F),
        (versions(Operator.EQUALS, "1", "C:\\none"), F),
        (versions(Operator.EQUALS, "1", "C:\\bare.txt"), U),  # has no version to compare
        (versions(Operator.EQUALS, "one"), U),
        (FolderExpression("C:\\Drivers"), T),
        (FolderExpression("C:\\None"), F),
        (FolderExpression("Z:\\"), U),
        (times(Operator.EQUALS, "20200105014820.000000+000"), T),
        (times(Operator.EQUALS, "20200105024820.000000+060"), T),
        (times(Operator.LESS, "2020-01-05T01:48:21"), T),
        (times(Operator.GREATER_EQUAL, "2021-01-01T00:00:00Z"), F),
        (times(Operator.EQUALS, "yesterday"), U),
        (registry(Operator.EXISTS), T),
        (registry(Operator.NOT_EXISTS), F),
        (registry(Operator.EXISTS, "Current"), T),
        (registry(Operator.EXISTS, "Current", kind="reg_dword"), T),
        (registry(Operator.EXISTS, "Current", kind="REG_SZ"), F),
        (registry(Operator.NOT_EXISTS, "None"), T),
        (registry(Operator.EQUALS, "Name", "CONTOSO"), T),
        (registry(Operator.EQUALS, "", "default"), T),
        (registry(Operator.GREATER, "Current", "9", "REG_SZ"), T),  # the type does not count here
        (registry(Operator.EQUALS, "None", "x"), F),
        (registry(Operator.NOT_EQUALS, "None", "x"), F),
        (registry(Operator.EQUALS, "Blob", "x"), U),
        (registry(Operator.EXISTS, "Blob"), T),
        (RegistryExpression("HKLM\\None", Operator.EXISTS), F),
        (WmiExpression("SELECT '%answer%'"), T),
        (WmiExpression("SELECT 'Yes'", "root\\wmi"), F),
        (WmiExpression("BROKEN"), U),
        (OtherExpression("Software", FrozenVariables()), U),
    ],
)
def test_expressions_are_decided_by_what_the_computer_says(
    evaluator: ConditionEvaluator, expression: Expression, verdict: Verdict
) -> None:
    assert evaluator(expression, {"DRIVE": "C:", "Answer": "Yes"}) is verdict


def test_times_are_utc_unless_they_say_otherwise() -> None:
    noon = datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.UTC)
    for text in ("20200101120000.000000+000", "20200101140000.000000+120", "2020-01-01 12:00"):
        assert parse_time(text) == noon
    for text in ("", "20201301120000.000000+000", "20200101120000.000000+***"):
        with pytest.raises(ValueError):
            parse_time(text)


@pytest.mark.skipif(sys.platform == "win32", reason="stands in for PowerShell with a shell script")
def test_questions_reach_powershell_only_through_its_environment(tmp_path: Path) -> None:
    shell = tmp_path / "powershell"
    shell.write_text(
        "#!/bin/sh\n"
        f'printf "%s\\n" "$@" > {tmp_path}/arguments\n'
        '[ "$DLCORE_QUERY" = "$(printf "yes\\047; rm -rf")" ] && echo True || echo False\n'
    )
    shell.chmod(0o755)
    probes = SystemProbes(str(shell))
    assert probes.wmi_answers("root\\cimv2", "yes'; rm -rf")
    assert not probes.wmi_answers("root\\cimv2", "no")
    assert "rm -rf" not in (tmp_path / "arguments").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="stands in for PowerShell with a shell script")
def test_a_question_that_fails_is_not_answered(tmp_path: Path) -> None:
    shell = tmp_path / "powershell"
    shell.write_text("#!/bin/sh\nexit 1\n")
    shell.chmod(0o755)
    for probes in (SystemProbes(str(shell)), SystemProbes(str(tmp_path / "none"))):
        evaluator = windows_evaluator(probes)
        assert evaluator(WmiExpression("q"), {}) is U
    with pytest.raises(OSError, match="did not answer"):
        SystemProbes(str(shell)).wmi_answers("n", "q\0q")


class PowerShell:
    """Prints what it was made with, in place of a process. Stands in for `subprocess.run`."""

    def __init__(self, out: bytes, err: bytes = b"", exit_code: int = 0) -> None:
        self._done = (exit_code, out, err)

    def __call__(self, arguments: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess(arguments, *self._done)


@pytest.mark.parametrize(
    ("shell", "verdict"),
    [
        (PowerShell(b"True\r\n"), T),
        (PowerShell(b"False\r\n"), F),
        (PowerShell(b""), U),
        (PowerShell(b"\r\n", b"Get-CimInstance : Acc\x8as refus\x82."), U),
        (PowerShell(b"Windows PowerShell is in read-only mode\r\n"), U),
        (PowerShell(b"False\r\n", b"Ung\x81ltige Klasse", 1), U),
    ],
)
def test_what_is_not_an_answer_of_wmi_decides_nothing(shell: PowerShell, verdict: Verdict) -> None:
    """Fault: PowerShell prints nothing, or a text of its own. dlcore leaves it undecided."""
    evaluator = windows_evaluator(SystemProbes(run=shell))
    assert evaluator(WmiExpression("SELECT * FROM Win32_Tpm"), {}) is verdict


# A VS_FIXEDFILEINFO: signature, version of the structure, file version, product version, the rest.
FIXED_INFO = bytes.fromhex(
    "bd04effe 00000100 00000a00 0100614a 00000a00 0200614a" + "3f000000 00000000 04000400 02000000"
) + bytes(12)


def test_the_number_of_a_version_is_read() -> None:
    assert version_in(FIXED_INFO) == "10.0.19041.1"


@pytest.mark.parametrize("fixed", [b"", FIXED_INFO[:15], bytes(52)])
def test_a_damaged_version_is_an_error(fixed: bytes) -> None:
    """Fault: the version in a file's resources is damaged. dlcore does not compare it."""
    with pytest.raises(OSError, match="the version of the file"):
        version_in(fixed)


def test_an_error_of_powershell_is_told_in_its_own_words() -> None:
    shell = PowerShell(b"", b"Invalid class \xe9\r\n", 1)
    with pytest.raises(OSError, match=r"exit code 1 'Invalid class .'"):
        SystemProbes(run=shell).wmi_answers("root", "x")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has a registry")
def test_the_registry_cannot_be_asked_off_windows() -> None:
    evaluator = windows_evaluator(SystemProbes())
    assert evaluator(registry(Operator.EXISTS), {}) is U
    assert evaluator(registry(Operator.EXISTS, "Current"), {}) is U


def test_files_and_folders_are_found_by_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCORE_TEST_HOME", str(tmp_path))
    (tmp_path / "f").touch()
    probes = SystemProbes()
    assert probes.file_exists(str(tmp_path / "f"))
    assert probes.file_exists("$DLCORE_TEST_HOME/f")
    assert not probes.folder_exists(str(tmp_path / "f"))
    assert probes.folder_exists(str(tmp_path))
    age = datetime.datetime.now(datetime.UTC) - probes.created(str(tmp_path / "f"))
    assert abs(age) < datetime.timedelta(minutes=5)
