"""The settings of the hook: task sequence variables, with defaults for a machine that has none.

An engineer sets them in a *Set Task Sequence Variable* step, or on a collection.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from dlcore.errors import ConfigError
from dlcore.hook.contract import OnFailure
from dlcore.hook.environment import TaskSequenceEnvironment
from dlcore.printable import quoted

CONFIG_VARIABLE: Final = "DLCORE_HOOK_CONFIG"
OTHER_CONFIG_VARIABLE: Final = "DLCORE_CONFIG"
"""As an environment variable it names the file of options, so it is not read here."""

_MAX_SHOWN_CHARACTERS = 60
_TRUE = frozenset({"true", "1", "yes"})
_FALSE = frozenset({"false", "0", "no"})


class HookSettings(msgspec.Struct, frozen=True):
    """How the hook works.

    Attributes:
        config: The deployment file (``DLCORE_HOOK_CONFIG``).
        state: The state directory of the agent (``DLCORE_STATE``).
        wait_s: How long one call waits for its package, in seconds (``DLCORE_HOOK_WAIT_S``); 0 for
            as long as it makes progress. Windows has no time limit of its own for a download.
        stall_s: How long a call waits while nothing of its package arrives
            (``DLCORE_HOOK_STALL_S``).
        looks_ahead: Whether the agent is told where the sequence stands
            (``DLCORE_HOOK_LOOK_AHEAD``).
        checks_hash: Whether content is compared with the hash that Windows will compare it with, if
            that is told (``DLCORE_HOOK_CHECK_HASH``).
    """

    config: Path
    state: Path
    wait_s: float = 0.0
    stall_s: float = 900.0
    looks_ahead: bool = True
    checks_hash: bool = True


class HookPolicy(msgspec.Struct, frozen=True):
    """The hook's own constants.

    Attributes:
        agent_answer_s: How long the agent may take to answer what it has in memory, or to write
            down what is wanted: long even for a machine whose disk is busy with an upgrade.
        agent_start_s: How long an agent may take to start: half a second on an idle machine, many
            times that on a slow disk that an upgrade and a virus scanner keep busy. One that fails
            is noticed at once.
        agent_poll_s: Seconds between two attempts to reach an agent that starts.
        progress_s: Seconds between two lines of progress in the log: short for a person who
            watches, and 400 lines an hour.
        max_agent_losses: How often another agent is begun in place of one that was lost during one
            call, before the call fetches by itself.
        max_altered: How often content is obtained again that was altered while it was copied.
        copy_wait_s: How long to wait while another process copies to the same destination.
        grace_s: Seconds between a request to end and the end, if a thread hangs in a system call.
        max_log_bytes: Length at which the log is rolled over; ConfigMgr's own client logs have a
            few MB.
    """

    agent_answer_s: float = 30.0
    agent_start_s: float = 60.0
    agent_poll_s: float = 0.2
    progress_s: float = 10.0
    max_agent_losses: int = 2
    max_altered: int = 2
    copy_wait_s: float = 3600.0
    grace_s: float = 1.4
    max_log_bytes: int = 5 << 20


def machine_folder(
    process: Mapping[str, str] = os.environ, *, platform: str = sys.platform
) -> Path:
    """Where the settings of dlcore are that hold for all users of this machine."""
    if platform == "win32":
        return Path(process.get("PROGRAMDATA") or "C:\\ProgramData") / "dlcore"
    return Path("/etc/dlcore")


def machine_state(process: Mapping[str, str] = os.environ, *, platform: str = sys.platform) -> Path:
    """The state directory of the machine's agent."""
    if platform == "win32":
        return machine_folder(process, platform=platform) / "state"
    return Path("/var/lib/dlcore/state")


def log_folder(environment: TaskSequenceEnvironment) -> Path | None:
    """Where the log goes: by the hook's setting, else to the logs of the task sequence, if any.

    A relative path would begin wherever the program was started, so it does not count.
    """
    for name in ("DLCORE_HOOK_LOG_FOLDER", "_SMSTSLogPath"):
        folder = Path(environment.get(name).strip())
        if folder.is_absolute():
            return folder
    return None


def read_settings(
    environment: TaskSequenceEnvironment,
    process: Mapping[str, str] = os.environ,
    *,
    platform: str = sys.platform,
) -> HookSettings:
    """Read all settings.

    Raises:
        ConfigError: A variable cannot be used; the message names it.
    """
    wish = environment.get("DLCORE_HOOK_ON_FAILURE").strip().lower()
    if wish and wish not in list(OnFailure):
        raise _unusable("DLCORE_HOOK_ON_FAILURE", wish, "Write fall-back or abort.")
    default = HookSettings(
        machine_folder(process, platform=platform) / "deployment.toml",
        machine_state(process, platform=platform),
    )
    return HookSettings(
        config=_path(environment, CONFIG_VARIABLE, default.config),
        state=_path(environment, "DLCORE_STATE", default.state),
        wait_s=_seconds(environment, "DLCORE_HOOK_WAIT_S", default.wait_s),
        stall_s=_seconds(environment, "DLCORE_HOOK_STALL_S", default.stall_s),
        looks_ahead=_switch(environment, "DLCORE_HOOK_LOOK_AHEAD"),
        checks_hash=_switch(environment, "DLCORE_HOOK_CHECK_HASH"),
    )


def _path(environment: TaskSequenceEnvironment, name: str, default: Path) -> Path:
    text = environment.get(name).strip()
    path = Path(text) if text else default
    if not path.is_absolute():
        raise _unusable(name, text, "Write an absolute path.")
    return path


def _seconds(environment: TaskSequenceEnvironment, name: str, default: float) -> float:
    text = environment.get(name).strip()
    if not text:
        return default
    with contextlib.suppress(ValueError):
        value = float(text)
        if 0 <= value < 1e9:
            return value
    raise _unusable(name, text, "Write a number of seconds.")


def _switch(environment: TaskSequenceEnvironment, name: str) -> bool:
    text = environment.get(name).strip()
    if text and text.lower() not in _TRUE | _FALSE:
        raise _unusable(name, text, "Write true or false.")
    return text.lower() not in _FALSE


def _unusable(name: str, text: str, remedy: str) -> ConfigError:
    shown = quoted(text[:_MAX_SHOWN_CHARACTERS])
    return ConfigError(f"task sequence variable {name}: {shown} cannot be used", remedy=remedy)
