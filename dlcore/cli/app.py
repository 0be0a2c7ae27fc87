"""The command ``dlcore``: finds its subcommands, and turns errors into exit statuses."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

import click

from dlcore.cli.ending.leaving import Leaving
from dlcore.cli.ending.termination import Terminated, Termination
from dlcore.cli.help_option import HelpfulGroup
from dlcore.cli.output import OutputClosed, drop_output, never_fail_to_encode, say, tell
from dlcore.cli.quotation_marks import check_quotation_marks

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# Name -> summary. The command itself lies in the module of that name, imported when it is used.
COMMANDS = {
    "publish": "Cut a folder into verified blocks and put it where clients fetch it.",
    "trust": "Sign what is published, and look after the keys.",
    "serve": "Serve a published folder as a content-enabled CMG, for trials.",
    "plan": "Show a task sequence's steps, their packages, and what is missing.",
    "run": "Run a task sequence; the content of each step arrives just in time.",
    "precache": "Fetch what a task sequence needs ahead of time, in the background.",
    "agent": "Fetch packages to this machine before they are requested.",
    "report": "Report the result of a run, and why it took so long.",
    "fetch": "Fetch one package or file, verified and resumable.",
    "verify": "Check a folder against its manifest.",
    "list": "List the packages and versions that a site holds.",
    "tree": "List the files of a package at a site.",
    "diff": "Show which files differ between two versions of a package.",
    "prune": "Remove old versions of packages from a site.",
    "cache": "Look after the packages that the state directory keeps.",
    "doctor": "Look for what keeps dlcore from working here, with remedies.",
    "help": "Show a page of the manual, or what a code means.",
    "locations": "Write a deployment file from the content locations of a ConfigMgr site.",
    "config": "Show the options that are set, and where.",
    "completion": "Let a shell complete commands, options and paths.",
}

_ASKS_FOR_A_COMMAND: Final = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""How click 8.2 and later end a group of commands of which none is named; its text is the help."""


class Commands(HelpfulGroup):
    """Subcommands that are imported when they are asked for."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        *,
        leaving: Leaving | None = None,
        **extra: Any,
    ) -> click.Context:
        """As `click.Group`; commands find in `meta` what has the last word."""
        context = super().make_context(info_name, args, parent, **extra)
        context.meta[Leaving.META] = leaving
        return context

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        leaving = ctx.meta.get(Leaving.META)
        if leaving:
            leaving.prepare()
        command = importlib.import_module(f"dlcore.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Complete the commands without importing them."""
        from click.shell_completion import CompletionItem

        named = [
            CompletionItem(name, help=summary)
            for name, summary in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*named, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--version", is_flag=True, help="Show the version; with -v, those of all parts.")
@click.option("-v", "--verbose", "verbosity", count=True, help="The same as -v of each command.")
@click.pass_context
def group(ctx: click.Context, version: bool, verbosity: int) -> None:
    """Download the packages of a task sequence on demand: verified, resumable, in parallel.

    Results go to standard output, progress and errors to standard error. Exit statuses are listed
    by `dlcore help exit-codes`. DLCORE_DEBUG=1 shows the traceback of an error.
    """
    if version:
        from dlcore.cli.versions import version_lines

        for line in version_lines(verbose=verbosity > 0):
            say(line)
        ctx.exit()
    if ctx.invoked_subcommand is None:
        raise click.UsageError("no command is named", ctx)


def status_of(arguments: list[str]) -> int:
    """Run a command line to its end.

    Args:
        arguments: The command and what is given to it.

    Returns:
        The exit status, as ``docs/exit-codes.md`` lists them.
    """
    never_fail_to_encode()
    try:
        return _run(arguments or ["--help"])
    except OutputClosed:
        drop_output()
        return OutputClosed.exit_status


def _run(arguments: list[str]) -> int:
    as_json = "--json" in arguments
    leaving = Leaving(as_json=as_json)
    termination = Termination(leaving.leave)
    try:
        check_quotation_marks(arguments)
        with termination.handled():
            result = group.main(
                arguments,
                prog_name="dlcore",
                standalone_mode=False,
                obj=termination,
                leaving=leaving,
            )
    except click.exceptions.Exit as error:
        return error.exit_code
    except _ASKS_FOR_A_COMMAND as error:
        tell(error.format_message(), keep="\n")
        return int(error.exit_code)  # of wrong usage
    except OutputClosed:
        raise
    except (Exception, KeyboardInterrupt, Terminated) as error:
        return leaving.tell(error)
    return result if isinstance(result, int) else 0
