"""The option ``--seed``."""

from __future__ import annotations

import click

from dlcore.cli.paths import EXISTING_FOLDER

seed_option = click.option(
    "--seed",
    "seeds",
    multiple=True,
    type=EXISTING_FOLDER,
    metavar="FOLDER",
    help="Take over what is right of the files in a folder, such as an older delivery or ccmcache, "
    "in place of fetching it; may be repeated. Nothing in it is believed or changed.",
)
