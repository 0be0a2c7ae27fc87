"""The option ``--live``; what it does is imported only if it is given."""

from __future__ import annotations

import click

live_option = click.option(
    "--live",
    is_flag=True,
    help="Show the run in a browser on this computer while it goes on: prints the address of the "
    "page, which nobody else can read.",
)
