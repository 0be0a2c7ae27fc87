"""The checks before an agent is installed: what could not run is refused, and named.

Nothing here changes anything. Nobody else may be able to alter what runs with the rights of the
system: its program, its settings and the root that it trusts.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from dlcore.agent.addresses import AgentAddress, Scope, is_administrator
from dlcore.deployment import Deployment, load_deployment, usable_endpoints
from dlcore.disk.faults import storage_error
from dlcore.disk.ownership import check_unalterable
from dlcore.engine.client import Client
from dlcore.errors import AgentError, ConfigError
from dlcore.model import EndpointKind, EndpointSettings

if sys.platform != "win32":
    from dlcore.agent import unix_socket

MODULE: Final = "dlcore.cli.windows_service"
_FILES_OF_ENDPOINT: Final = ("token_file", "sas_file", "ca_file")
_FILES_OF_WEB: Final = (
    "client_cert",
    "client_key",
    "client_key_passphrase_file",
    "password_file",
    "netrc_file",
    "proxy_password_file",
)


def check_rights(scope: Scope) -> None:
    """Refuse what this user may not install or remove, before anything else is looked at.

    Raises:
        AgentError: It is refused. Nothing was changed.
    """
    if scope is Scope.SYSTEM and not is_administrator():
        elevated = "as an administrator" if sys.platform == "win32" else "as root"
        other = "" if sys.platform == "win32" else ", or with --user for an agent of this user"
        raise AgentError(
            "an agent of the whole machine is installed by an administrator",
            remedy=f"Run the command {elevated}{other}.",
        )


def usable_deployment(config: Path, state: Path) -> Deployment:
    """Read the settings of the agent as it will read them itself, and open its endpoints.

    Nothing is asked of the network, and nothing is made on disk.

    Args:
        config: The deployment file.
        state: The state directory of the agent.

    Raises:
        ConfigError: The file cannot be read, a setting cannot be used, or no endpoint is left.
    """
    deployment = load_deployment(config)
    candidates = usable_endpoints(deployment)
    if all(each.obstacle for each in candidates):
        why = "; ".join(f"{each.endpoint.name}: {each.obstacle}" for each in candidates)
        raise ConfigError(
            f"{config}: the agent may use no endpoint ({why or 'none is listed'})",
            remedy="Add an [[endpoint]] that it may use, or correct the settings named.",
        )
    asyncio.run(_open_endpoints(deployment, state))
    return deployment


async def _open_endpoints(deployment: Deployment, state: Path) -> None:
    async with Client(deployment, state):
        pass


def check_seen(named: Sequence[tuple[str, Path]], hidden: Sequence[Path]) -> None:
    """Refuse paths that the agent will not see, however they are spelled.

    Args:
        named: What each path is, and the path.
        hidden: Folders that are empty for the agent, as it gets its own.

    Raises:
        ConfigError: There is such a path. Nothing was changed.
    """
    for what, path in named:
        for folder in hidden:
            places = (path, Path(os.path.realpath(path)))
            if any(each.is_relative_to(folder) for each in places):
                raise ConfigError(
                    f"the machine's agent has a {folder} of its own (PrivateTmp of systemd), and "
                    f"does not see {what}: {path}",
                    remedy="Put it elsewhere, such as below /etc/dlcore or /var/lib/dlcore.",
                )


def named_paths(deployment: Deployment) -> Iterator[tuple[str, Path]]:
    """What on this machine the settings name: which setting, and the path."""
    named = {"catalog.path": deployment.catalog.path, "trust.root": deployment.trust.root}
    for number, seed in enumerate(deployment.cache.seeds, start=1):
        named[f"folder {number} of cache.seeds"] = seed
    for endpoint in deployment.endpoints:
        named |= {f"{key} of endpoint {endpoint.name}": at for key, at in _files_of(endpoint)}
    return ((what, Path(path)) for what, path in named.items() if path)


def _files_of(endpoint: EndpointSettings) -> Iterator[tuple[str, str]]:
    if endpoint.kind is EndpointKind.FILE:
        yield "path", endpoint.url
    yield from ((key, getattr(endpoint, key)) for key in _FILES_OF_ENDPOINT)
    yield from ((key, getattr(endpoint.web, key)) for key in _FILES_OF_WEB)
    for field in endpoint.web.headers:
        if field.startswith("@"):
            yield "headers", field[1:]


def programs() -> tuple[Path, ...]:
    """What runs as the agent: Python, and dlcore itself."""
    python = getattr(sys, "_base_executable", None) or sys.executable
    return tuple(dict.fromkeys((Path(sys.executable), Path(python), Path(__file__).parents[2])))


def relied_on(deployment: Deployment) -> Iterator[Path]:
    """What the settings give power to: the root that is trusted, and programs that are started."""
    if deployment.trust.root:
        yield Path(deployment.trust.root)
    for endpoint in deployment.endpoints:
        for helper in endpoint.web.credential_command[:1]:
            if found := shutil.which(helper):
                yield Path(found)


def check_it_starts(python: Sequence[str] = (sys.executable, "-P")) -> None:
    """Refuse to install an agent that would not find dlcore: a checkout is not installed.

    The system starts it in another folder, and without the variables of this command.

    Args:
        python: How Python is started.

    Raises:
        AgentError: It is refused. Nothing was changed.
    """
    environment = {name: each for name, each in os.environ.items() if not _is_of_python(name)}
    ended = subprocess.run(  # noqa: S603
        [*python, "-c", f"import {MODULE}"],
        cwd=Path(sys.executable).anchor,
        env=environment,
        capture_output=True,
        check=False,
    )
    if ended.returncode:
        raise AgentError(
            f"{sys.executable} does not find dlcore when the system starts it",
            remedy="Install dlcore into that Python, with pip, and run the command again.",
        )


def check_nobody_alters(
    paths: Sequence[Path], config: Path, check: Callable[[Path], None] = check_unalterable
) -> None:
    """Refuse to run with the rights of the system what another user can alter.

    Raises:
        OwnershipError: It is refused. Nothing was changed.
        StorageError: It cannot be looked at.
    """
    for path in (*paths, config):
        try:
            check(path)
        except OSError as error:
            raise storage_error(error, "look at what the agent runs", path) from error


def check_nobody_listens(address: AgentAddress) -> None:
    """Refuse to install an agent in the place of one that was started in another way.

    Raises:
        AgentError: Such an agent runs. Nothing was changed.
        OwnershipError: Another user could alter the state directory.
        StorageError: It cannot be found out.
    """
    if sys.platform != "win32":
        try:
            is_taken = unix_socket.is_listened_at(address)
        except OSError as error:
            raise storage_error(error, "look for an agent", address.state) from error
        if is_taken:
            raise AgentError(
                f"an agent that was not installed runs at {address.listens_at}",
                remedy="End it with 'dlcore agent stop', and run the command again.",
            )


def _is_of_python(variable: str) -> bool:
    """Whether it tells Python where modules are; where compiled ones are kept changes nothing."""
    return variable.upper() in {"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE"}
