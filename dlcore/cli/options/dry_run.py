"""The option ``--dry-run``."""

from __future__ import annotations

import click

dry_run_option = click.option(
    "--dry-run",
    "is_dry_run",
    is_flag=True,
    help="Show what would be done, and change nothing. Ends with the status that the command "
    "itself would end with, as far as that is known.",
)
