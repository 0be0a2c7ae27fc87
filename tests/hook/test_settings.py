"""The settings of the hook: task sequence variables and what is taken without them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dlcore.errors import ConfigError
from dlcore.hook.settings import HookSettings, log_folder, read_settings
from dlcore.hook.stand_in import VariablesInMemory


def of(**values: str) -> HookSettings:
    return read_settings(VariablesInMemory(values), {"PROGRAMDATA": "D:\\Data"})


def test_a_machine_without_settings_has_usual_places() -> None:
    usual = HookSettings(Path("/etc/dlcore/deployment.toml"), Path("/var/lib/dlcore/state"))
    if sys.platform == "win32":
        folder = Path("D:\\Data\\dlcore")
        usual = HookSettings(folder / "deployment.toml", folder / "state")
    assert of() == usual


def test_every_setting_is_read(tmp_path: Path) -> None:
    found = of(
        DLCORE_HOOK_CONFIG=str(tmp_path / "config.toml"),
        DLCORE_STATE=str(tmp_path / "state"),
        DLCORE_HOOK_WAIT_S="60",
        DLCORE_HOOK_STALL_S="1.5",
        DLCORE_HOOK_LOOK_AHEAD="FALSE",
        DLCORE_HOOK_CHECK_HASH="0",
        DLCORE_HOOK_ON_FAILURE="fall-back",
    )
    assert found == HookSettings(
        tmp_path / "config.toml", tmp_path / "state", 60, 1.5, looks_ahead=False, checks_hash=False
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("DLCORE_HOOK_CONFIG", "relative.toml"), ("DLCORE_STATE", "relative")),
        *(("DLCORE_HOOK_WAIT_S", "-1"), ("DLCORE_HOOK_STALL_S", "nan")),
        *(("DLCORE_HOOK_LOOK_AHEAD", "perhaps"), ("DLCORE_HOOK_CHECK_HASH", "x" * 9000)),
        ("DLCORE_HOOK_ON_FAILURE", "panic"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name) as told:
        of(**{name: value})
    assert len(told.value.message) < 200


def test_the_log_goes_to_the_logs_of_the_task_sequence(tmp_path: Path) -> None:
    variables = VariablesInMemory({"_SMSTSLogPath": str(tmp_path / "smsts")})
    assert log_folder(variables) == tmp_path / "smsts"
    variables.set("DLCORE_HOOK_LOG_FOLDER", str(tmp_path / "own"))
    assert log_folder(variables) == tmp_path / "own"


@pytest.mark.parametrize("folder", ["logs", "..", " ", "-1"])
def test_a_log_folder_that_is_not_absolute_does_not_count(tmp_path: Path, folder: str) -> None:
    """Fault: the folder of the log is a relative path. dlcore makes no folder where it happens to
    have been started.
    """
    variables = VariablesInMemory({"_SMSTSLogPath": folder})
    assert log_folder(variables) is None
    variables.set("_SMSTSLogPath", str(tmp_path))
    variables.set("DLCORE_HOOK_LOG_FOLDER", folder)
    assert log_folder(variables) == tmp_path
