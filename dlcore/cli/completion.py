"""``dlcore completion``: the script by which a shell completes commands and options."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import click
from click.shell_completion import ShellComplete, get_completion_class

from dlcore.cli.logs import LoggedCommand
from dlcore.cli.options.paths import as_argument
from dlcore.cli.output import json_option, say, show_json
from dlcore.disk.faults import guarded
from dlcore.disk.named_files import not_planted
from dlcore.disk.ownership import followed
from dlcore.disk.system import make_folders
from dlcore.errors import ConfigError

PROGRAM = "dlcore"
VARIABLE = "_DLCORE_COMPLETE"  # by which the script asks dlcore; click's own name for it


class Shell(NamedTuple):
    """Where a shell finds a user's completions.

    Attributes:
        variable: The environment variable with the folder for it.
        usual: That folder below the home folder, if the variable is not set.
        file: The script below that folder.
        then: What else to do, once; it is given the script's path.
    """

    variable: str
    usual: str
    file: str
    then: Callable[[Path], str]


SHELLS: Mapping[str, Shell] = {
    "bash": Shell(
        "XDG_DATA_HOME",
        ".local/share",
        "bash-completion/completions/dlcore",
        lambda _: "It works in new shells if the package bash-completion is installed.",
    ),
    "zsh": Shell(
        "XDG_DATA_HOME",
        ".local/share",
        "zsh/site-functions/_dlcore",
        lambda path: (
            f"Put this into .zshrc, before compinit is called: fpath+=({as_argument(path.parent)})"
        ),
    ),
    "fish": Shell(
        "XDG_CONFIG_HOME",
        ".config",
        "fish/completions/dlcore.fish",
        lambda _: "It works in new shells.",
    ),
    "powershell": Shell(
        "LOCALAPPDATA",
        ".local/share",
        "dlcore/completion.ps1",
        lambda path: f'Put this into the file that $PROFILE names: . "{path}"',
    ),
}
"""By the name that click has for the shell.

Source: README of bash-completion, "Where should I install my own local completions?";
zshcompsys(1), "Initialization"; fish-completions(1), "Where to put completions"; Microsoft Learn,
"about_Profiles".
"""


@click.command(cls=LoggedCommand)
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.option(
    "--install",
    "is_installed",
    is_flag=True,
    help="Write the script to where the shell looks for it, and say what else to do.",
)
@json_option
def command(shell: str, is_installed: bool, as_json: bool) -> None:
    """Print the script with which SHELL completes commands, options and paths.

    Without --install, try it in one shell: eval "$(dlcore completion bash)".
    """
    script = script_of(shell)
    path = script_path(SHELLS[shell], os.environ) if is_installed else None
    then = SHELLS[shell].then(path) if path else ""
    if path:
        _write(path, script)
    if as_json:
        told = {"path": str(path), "then": then} if path else {"script": script}
        show_json({"shell": shell, **told})
    elif path:
        say(f"written: {path}")
        say(then)
    else:
        for line in script.splitlines():
            say(line)


def script_of(
    shell: str, find: Callable[[str], type[ShellComplete] | None] = get_completion_class
) -> str:
    """The script of a shell.

    Args:
        shell: One of `SHELLS`.
        find: Tells what the installed version of click has for a shell.

    Raises:
        ConfigError: The installed version of click has none.
    """
    completion = find(shell)
    if completion is None:
        raise ConfigError(
            f"the installed version of click has no completion for {shell}",
            remedy="Install a later one: pip install --upgrade click",
        )
    from dlcore.cli.app import group

    return completion(group, {}, PROGRAM, VARIABLE).source()


def script_path(shell: Shell, environment: Mapping[str, str]) -> Path:
    """Where a user's script of a shell is."""
    folder = environment.get(shell.variable)
    return (Path(folder) if folder else Path.home() / shell.usual) / shell.file


def _write(path: Path, script: str) -> None:
    with guarded("write the completion", path):
        make_folders(followed(path.parent))
        with open(path, "w", encoding="utf-8", newline="\n", opener=not_planted) as file:
            file.write(script)
