"""Installs the agent, so that the system runs it: a unit of systemd, or a service of Windows.

Whatever could not run, or would run what another user may alter, is refused before anything is
changed (`install_checks`).
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dlcore.agent.addresses import (
    SERVICE_NAME,
    AgentAddress,
    Scope,
    address_of,
    default_state,
    is_administrator,
)
from dlcore.agent.system.install_checks import (
    MODULE,
    check_it_starts,
    check_nobody_alters,
    check_nobody_listens,
    check_rights,
    check_seen,
    named_paths,
    programs,
    relied_on,
    usable_deployment,
)
from dlcore.deployment import Deployment
from dlcore.disk.faults import storage_error
from dlcore.disk.private_folder import make_way
from dlcore.errors import AgentError, ConfigError
from dlcore.long_path import plain_path, rooted

if sys.platform == "win32":
    from dlcore.agent.system.windows_registration import ServiceEntry
else:
    from dlcore.agent.system.systemd_installing import (
        SystemctlProgram,
        SystemdInstaller,
        folder_of_units,
    )
    from dlcore.agent.system.systemd_units import HIDDEN_OF_SYSTEM, units

_STARTER = (
    "import runpy, site, sys; site.addsitedir(sys.argv.pop(1)); "
    f"runpy.run_module('{MODULE}', run_name='__main__', alter_sys=True)"
)


class Settings(NamedTuple):
    """What an agent is installed with.

    Attributes:
        scope: Whose agent it is.
        config: The deployment file, absolute.
        address: Its state directory, and where it listens.
    """

    scope: Scope
    config: Path
    address: AgentAddress


def settings_of(scope: Scope | None, config: Path, state: Path | None) -> Settings:
    """What an agent is installed with, made absolute.

    Args:
        scope: Whose agent; None: the machine's if this process may install that, else the user's.
        config: The deployment file.
        state: The state directory; None for the usual one.

    Raises:
        AgentError: There is no such agent on this kind of system.
    """
    scope = scope or usual_scope()
    _check_system(scope)
    return Settings(scope, plain_path(rooted(config)), address_of(state or default_state(scope)))


def usual_scope() -> Scope:
    """Whose agent is meant if nobody says it."""
    is_systems = sys.platform == "win32" or is_administrator()
    return Scope.SYSTEM if is_systems else Scope.USER


class Preview(NamedTuple):
    """What an installation would make.

    Attributes:
        place: Where.
        text: What: a unit, or the command line of a service.
    """

    place: str
    text: str


def previews(settings: Settings) -> tuple[Preview, ...]:
    """What `install` would make; nothing is changed, and no special rights are needed.

    Raises:
        ConfigError: Something cannot be written where the system reads it.
    """
    if sys.platform == "win32":
        return (Preview(f"service {SERVICE_NAME}", service_command_line(settings)),)
    else:  # noqa: RET505  # type checkers look at the branch of their own system
        made = units(settings.scope, settings.address, unit_command(settings))
        folder = folder_of_units(settings.scope)
        return tuple(Preview(str(folder / name), text) for name, text in made.files().items())


def check(settings: Settings) -> Deployment:
    """Refuse settings with which the agent could not run; nothing is changed.

    What only an administrator may find out is left to `install`.

    Returns:
        What the deployment file says.

    Raises:
        ConfigError: The deployment file cannot be used, the agent would not see something that it
            needs, or something cannot be written where the system reads it.
    """
    deployment = usable_deployment(settings.config, settings.address.state)
    if sys.platform != "win32" and settings.scope is Scope.SYSTEM:
        own = [
            ("the deployment file", settings.config),
            ("the state directory", settings.address.state),
            *(("its program", each) for each in programs()),
        ]
        check_seen([*own, *named_paths(deployment)], HIDDEN_OF_SYSTEM)
    previews(settings)
    return deployment


def install(settings: Settings) -> Iterator[str]:
    """Install the agent and start it; reports each change once it is made.

    What is there is changed, and an agent that runs is restarted.

    Raises:
        AgentError: Rights are missing, another agent runs there, or the system refused.
        ConfigError: As `check`. Nothing was changed.
        OwnershipError: Another user could alter what would run. Nothing was changed.
        StorageError: The state directory or a unit cannot be made.
    """
    check_rights(settings.scope)
    deployment = check(settings)
    check_it_starts()
    if settings.scope is Scope.SYSTEM:
        check_nobody_alters((*programs(), *relied_on(deployment)), settings.config)
    if sys.platform == "win32":
        yield from _make_state(settings.address)
        yield from ServiceEntry(SERVICE_NAME).install(service_command_line(settings))
    else:
        installer = SystemdInstaller(
            folder_of_units(settings.scope), SystemctlProgram(settings.scope)
        )
        if not installer.is_installed():
            check_nobody_listens(settings.address)
        yield from _make_state(settings.address)
        yield from installer.install(
            units(settings.scope, settings.address, unit_command(settings))
        )


def uninstall(scope: Scope | None) -> Iterator[str]:
    """Stop the agent and remove what `install` made, if it is there. The state directory stays.

    Args:
        scope: Whose agent; None as for `settings_of`.

    Raises:
        AgentError: Rights are missing, what is there is not dlcore's, or the system refused.
        StorageError: A unit cannot be removed.
    """
    scope = scope or usual_scope()
    _check_system(scope)
    check_rights(scope)
    if sys.platform == "win32":
        yield from ServiceEntry(SERVICE_NAME).uninstall()
    else:
        yield from SystemdInstaller(folder_of_units(scope), SystemctlProgram(scope)).uninstall()


def unit_command(settings: Settings) -> list[str]:
    """What a unit runs: this very installation of dlcore. Nothing in it is a secret."""
    return [sys.executable, "-P", "-m", "dlcore", "agent", "run", "-v", *_options(settings)]


def service_command_line(settings: Settings) -> str:
    """What a service runs.

    Python of a virtual environment would start another process, and Windows takes only the process
    that it has started itself for the service. So that Python is left out, and its packages are
    named.

    Raises:
        ConfigError: A path holds what Windows would replace.
    """
    program: str = getattr(sys, "_base_executable", None) or sys.executable
    is_virtual = sys.prefix != sys.base_prefix
    starter = ["-c", _STARTER, sysconfig.get_path("purelib")] if is_virtual else ["-m", MODULE]
    log = settings.address.state.parent / "agent.log"
    logged = ["--log-file", str(log), "--log-format", "cmtrace"]
    words = [program, "-P", *starter, "-q", *logged, *_options(settings)]
    return windows_command_line(words)


def windows_command_line(words: Sequence[str]) -> str:
    """Words as the command line of a service, as ``CommandLineToArgvW`` parses it.

    Raises:
        ConfigError: A word holds a percent sign: the service manager would replace ``%NAME%``.

    Source: learn.microsoft.com/en-us/windows/win32/api/shellapi/nf-shellapi-commandlinetoargvw
    """
    for each in words:
        if "%" in each or "\0" in each:
            raise ConfigError(
                f"a service cannot be given {each}: Windows would replace what is between "
                "percent signs",
                remedy="Use paths without percent signs.",
            )
    return subprocess.list2cmdline(words)


def _make_state(address: AgentAddress) -> Iterator[str]:
    is_there = address.state.is_dir()
    try:
        make_way(address.state)
    except OSError as error:
        raise storage_error(error, "make the state directory", address.state) from error
    yield f"{'left' if is_there else 'made'} the state directory {address.state}"


def _options(settings: Settings) -> list[str]:
    return ["--config", str(settings.config), "--state", str(settings.address.state)]


def _check_system(scope: Scope) -> None:
    if sys.platform == "win32" and scope is Scope.USER:
        raise AgentError(
            "Windows has no services of a single user",
            remedy="Install the agent with --system, or start 'dlcore agent run' when the user "
            "logs on.",
        )
    if sys.platform not in {"linux", "win32"}:
        raise AgentError(
            f"dlcore does not install the agent on {sys.platform}",
            remedy="Have 'dlcore agent run' started by what starts services here.",
        )
