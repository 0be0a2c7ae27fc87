"""``--help`` of every command: printed as results are, so that it ends as they do.

click's own option takes a full disk for a fault of the program, and a closed pipe for status 1.
"""

from __future__ import annotations

import click

from dlcore.cli.output import writing


class Helpful(click.Command):
    """A command with that option."""

    _option: click.Option | None = None

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """The same object at each call: click compares it when it sorts the given options."""
        names = self.get_help_option_names(ctx)
        if not names or not self.add_help_option:
            return None
        if self._option is None:
            self._option = click.Option(
                names,
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_show,
                help="Show this message and exit.",
            )
        return self._option


class HelpfulGroup(Helpful, click.Group):
    """A group of commands with that option."""


def _show(context: click.Context, _option: click.Parameter, is_wanted: bool) -> None:
    if is_wanted and not context.resilient_parsing:
        with writing():
            click.echo(context.get_help(), color=context.color)
        context.exit()
