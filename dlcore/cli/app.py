"""The command ``dlcore``: finds its subcommands, and turns errors into exit statuses."""

from __future__ import annotations

import importlib
import sys

import click

from dlcore.cli.loop import Terminated
from dlcore.cli.output import show_error, wants_json
from dlcore.errors import DlcoreError

# Name -> summary. The command itself lies in the module of that name, imported when it is used.
COMMANDS = {
    "publish": "Cut a folder into verified blocks and put it where clients fetch it.",
    "serve": "Serve a published folder as a content-enabled CMG, for trials.",
    "plan": "Show a task sequence's steps, their packages, and what is missing.",
    "run": "Run a task sequence, each step's content arriving just in time.",
    "fetch": "Fetch one package or file, verified and resumable.",
    "verify": "Check a folder against its manifest.",
}
INTERRUPTED, TERMINATED = 130, 143


class Commands(click.Group):
    """Subcommands that are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"dlcore.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dlcore-engine", prog_name="dlcore")
def group() -> None:
    """Download the packages of a task sequence on demand: verified, resumable, in parallel."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    sys.exit(_status(arguments))


def _status(arguments: list[str]) -> int:
    try:
        result = group.main(arguments, prog_name="dlcore", standalone_mode=False)
    except DlcoreError as error:
        show_error(error, as_json=wants_json(arguments))
        return error.exit_status
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Terminated:
        click.echo("terminated: what was verified is kept, run again to go on", err=True)
        return TERMINATED
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: what was verified is kept, run again to go on", err=True)
        return INTERRUPTED
    return result if isinstance(result, int) else 0
