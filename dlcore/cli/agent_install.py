"""``dlcore agent install`` and ``uninstall``: the system runs the agent, or no longer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dlcore.agent.addresses import SERVICE_NAME, Scope
from dlcore.cli.logs import LoggedCommand
from dlcore.cli.options.paths import EXISTING_FILE, FOLDER
from dlcore.cli.output import json_option, say, show_json

if TYPE_CHECKING:
    from dlcore.agent.system.installing import Settings

F = TypeVar("F", bound=Callable[..., Any])


def _scope_options(command: F) -> F:
    for scope, whose in (
        (
            Scope.SYSTEM,
            "The machine's agent; an administrator installs it. [default on Windows, and for root]",
        ),
        (Scope.USER, "An agent of this user alone; not on Windows. [default for other users]"),
    ):
        command = click.option(f"--{scope}", f"is_{scope}s", is_flag=True, help=whose)(command)
    return command


def _chosen(*, is_systems: bool, is_users: bool) -> Scope | None:
    if is_systems and is_users:
        raise click.UsageError("--system and --user exclude each other: name one of them")
    if is_systems or is_users:
        return Scope.SYSTEM if is_systems else Scope.USER
    return None


@click.command(cls=LoggedCommand)
@click.option(
    "--config",
    required=True,
    type=click.Path(readable=False, path_type=Path),
    metavar="FILE",
    help="Deployment settings (TOML).",
)
@click.option(
    "--state",
    type=FOLDER,
    help="State directory of the agent. [default: /var/lib/dlcore/state; on Windows "
    "%ProgramData%\\dlcore\\state; with --user, that of all commands]",
)
@_scope_options
@click.option("--dry-run", is_flag=True, help="Show what would be written; change nothing.")
@json_option
def install(
    config: Path,
    state: Path | None,
    is_systems: bool,
    is_users: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Have the system run the agent, from now on and after each start of the machine.

    On Linux systemd runs it, on Windows the service manager does. Installing again changes what is
    there. Settings with which the agent could not run are refused, and nothing is changed.
    """
    from dlcore.agent.system import installing
    from dlcore.agent.system.install_checks import check_rights

    scope = _chosen(is_systems=is_systems, is_users=is_users) or installing.usual_scope()
    if not dry_run:  # first: the error is about rights, not about a file that is closed
        check_rights(scope)
    EXISTING_FILE.convert(config, _option("config"), click.get_current_context())
    settings = installing.settings_of(scope, config, state)
    if dry_run:
        installing.check(settings)
        _show_previews(settings, as_json=as_json)
        return
    done = _done(installing.install(settings), as_json=as_json)
    if as_json:
        show_json({**_about(settings), "done": done, "undo": undo(settings.scope)})
        return
    say(f"the agent listens at {settings.address.listens_at}")
    say(f"look at it: {look(settings.scope)}")
    say(f"undo: {undo(settings.scope)}")


@click.command(cls=LoggedCommand)
@_scope_options
@json_option
def uninstall(is_systems: bool, is_users: bool, as_json: bool) -> None:
    """Stop the agent that was installed, and remove it; its state directory stays."""
    from dlcore.agent.system import installing

    chosen = _chosen(is_systems=is_systems, is_users=is_users) or installing.usual_scope()
    done = _done(installing.uninstall(chosen), as_json=as_json)
    if as_json:
        show_json({"scope": chosen.value, "done": done})
    elif not done:
        say("no agent is installed there; nothing was changed")
    else:
        say("the state directory stays as it is")


def undo(scope: Scope) -> str:
    """The command that removes the agent again."""
    return f"dlcore agent uninstall --{scope}"


def look(scope: Scope) -> str:
    """The command that shows what the system says of the agent."""
    if sys.platform == "win32":
        return f"sc query {SERVICE_NAME}"
    user = " --user" if scope is Scope.USER else ""
    return f"systemctl{user} status {SERVICE_NAME}"


def _option(name: str) -> click.Parameter:
    parameters = click.get_current_context().command.params
    return next(each for each in parameters if each.name == name)


def _done(telling: Iterator[str], *, as_json: bool) -> list[str]:
    """Do it; people see each thing when it is done, also if the next one fails."""
    done: list[str] = []
    for each in telling:
        done.append(each)
        if not as_json:
            say(each)
    return done


def _show_previews(settings: Settings, *, as_json: bool) -> None:
    from dlcore.agent.system.installing import previews

    made = previews(settings)
    if as_json:
        texts = {each.place: each.text for each in made}
        show_json({**_about(settings), "would_write": texts})
        return
    for each in made:
        say(f"would write {each.place}:")
        _say_all(each.text.splitlines())


def _say_all(lines: Iterable[str]) -> None:
    for line in lines:
        say(f"    {line}".rstrip())


def _about(settings: Settings) -> dict[str, str]:
    return {
        "scope": settings.scope.value,
        "config": str(settings.config),
        "state": str(settings.address.state),
        "listens_at": settings.address.listens_at,
    }
