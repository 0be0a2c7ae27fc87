"""The option that says where state is kept."""

from __future__ import annotations

from pathlib import Path

import click


def _default() -> Path:
    import platformdirs

    return platformdirs.user_state_path("dlcore") / "state"


state_option = click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    default=_default,
    envvar="DLCORE_STATE",
    help="State directory: packages, and where a run stands. [default: the user's own]",
)
wait_option = click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="How long to wait while another process holds the state directory.",
)
