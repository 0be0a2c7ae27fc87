"""Options of the commands that sign."""

from __future__ import annotations

import os
from pathlib import Path

import click

from dlcore.cli.options.paths import EXISTING, EXISTING_FILE
from dlcore.extras import require
from dlcore.text_files import text_of

PASSPHRASE_ENV = "DLCORE_TRUST_PASSPHRASE"  # noqa: S105  # the name of a variable


def _read_passphrase(_: click.Context, __: click.Parameter, path: Path | None) -> bytes | None:
    if path is None:
        given = os.environ.get(PASSPHRASE_ENV, "")
        return _of_environment(given) or None
    require("trust")
    from dlcore.trust.keys import read_private

    return _encoded(read_private(path)).rstrip(b"\r\n")


def _of_environment(given: str) -> bytes:
    """The bytes of a passphrase: UTF-8 if it is text, else the bytes of the variable."""
    try:
        return given.encode()
    except UnicodeEncodeError:
        return os.fsencode(given)


def _encoded(saved: bytes) -> bytes:
    """The bytes of a passphrase from a file: UTF-8 if it is text, else as they are.

    Keys are encrypted with UTF-8, however the file is encoded.
    """
    try:
        return text_of(saved).encode()
    except ValueError:
        return saved


sign_with_option = click.option(
    "--sign-with",
    multiple=True,
    type=EXISTING,
    metavar="KEY",
    help="Private key to sign with, or the folder that `dlcore trust init` wrote; may be repeated.",
)
keys_root_option = click.option(
    "--root",
    type=EXISTING_FILE,
    metavar="FILE",
    help="The site's root document. [default: root.json beside the first key]",
)
passphrase_option = click.option(
    "--passphrase-file",
    "passphrase",
    type=EXISTING_FILE,
    callback=_read_passphrase,
    metavar="FILE",
    help="File with the passphrase of the keys; by default the environment variable "
    f"{PASSPHRASE_ENV} has it, or they are not encrypted.",
)
