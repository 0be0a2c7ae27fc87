"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

from dlcore.cli.options.numbers import NumberRange
from dlcore.cli.options.paths import EXISTING_FILE, FOLDER


def users_state() -> Path:
    """The state directory that is used if none is named."""
    import platformdirs

    return platformdirs.user_state_path("dlcore") / "state"


state_option = click.option(
    "--state",
    type=FOLDER,
    default=users_state,
    help="State directory: packages, and where a run stands. [env: DLCORE_STATE; default: "
    "dlcore/state where the user's programs keep their state]",
)
_TRUST_ROOT_HELP = (
    "The publisher's root.json. Only a catalog that is signed as it says is used, regardless of the"
    " server that it comes from."
)
trust_root_option = click.option(
    "--trust-root", type=EXISTING_FILE, metavar="FILE", help=_TRUST_ROOT_HELP
)
deployment_trust_root_option = click.option(
    "--trust-root",
    type=EXISTING_FILE,
    metavar="FILE",
    help=f"{_TRUST_ROOT_HELP} [default: trust.root of the deployment file]",
)
which_option = click.option(
    "--sequence",
    "--sequence-id",
    "which",
    metavar="WHICH",
    help="Which task sequence to take, of an export that holds several: its package id, its name, "
    "or its number in the file, from 1.",
)
no_agent_option = click.option(
    "--no-agent",
    "is_without_agent",
    is_flag=True,
    help="Do it in this process, even if an agent runs that owns the state directory.",
)
wait_option = click.option(
    "--wait",
    "wait_s",
    type=NumberRange(min=0),
    default=0.0,
    metavar="SECONDS",
    show_default=True,
    help="How long to wait while another process holds the same state directory.",
)
