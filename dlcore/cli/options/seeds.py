"""The option ``--seed``."""

from __future__ import annotations

import click

from dlcore.cli.options.paths import EXISTING_FOLDER

seed_option = click.option(
    "--seed",
    "seeds",
    multiple=True,
    type=EXISTING_FOLDER,
    metavar="FOLDER",
    help="Take over the files of a folder that are right, such as an older delivery or ccmcache, "
    "instead of fetching them; may be repeated. Nothing in it is trusted or changed.",
)
