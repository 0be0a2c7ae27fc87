"""``dlcore trust``: sign a published site, and look after its keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
import msgspec

from dlcore.cli.help_option import HelpfulGroup
from dlcore.cli.logs import LoggedCommand
from dlcore.cli.options.keys import keys_root_option, passphrase_option, sign_with_option
from dlcore.cli.options.numbers import NumberRange
from dlcore.cli.options.paths import EXISTING_FILE, FOLDER
from dlcore.cli.output import json_option, say, show_json, show_table
from dlcore.engine.numbers_for_people import counted
from dlcore.errors import ConfigError
from dlcore.extras import require
from dlcore.manifest import decode_catalog
from dlcore.model import CATALOG_KEY
from dlcore.plain_files import read_plain
from dlcore.printable import quoted
from dlcore.publish.destination import Destination
from dlcore.publish.opening import open_destination, open_site

if TYPE_CHECKING:
    from dlcore.publish.signed_site import SignedSite
    from dlcore.trust import Role
    from dlcore.trust.roots import RootChange

_ROLES: Final[tuple[Role, ...]] = ("root", "targets", "snapshot", "timestamp")
_USUAL_DAYS: Final = {"root": 365, "targets": 90, "snapshot": 90, "timestamp": 7}
MIN_LIFETIME_DAYS: Final = 0.01  # a quarter of an hour: less would expire while it is fetched
MAX_LIFETIME_DAYS: Final = 365_000  # a thousand years: dates end with the year 9999


F = TypeVar("F", bound=Callable[..., Any])


def _lifetime_options(command: F) -> F:
    for role in reversed(_ROLES):
        command = click.option(
            f"--{role}-days",
            type=NumberRange(min=MIN_LIFETIME_DAYS, max=MAX_LIFETIME_DAYS),
            metavar="DAYS",
            help=f"For how long the {role} is valid. [default: {_USUAL_DAYS[role]}, or as before]",
        )(command)
    return command


_site = click.argument("site", metavar="SITE")


@click.group(cls=HelpfulGroup)
def command() -> None:
    """Sign a published SITE (a folder or an object store), and look after its keys.

    `dlcore help trust.md` shows how to set it up in ten minutes.
    """
    require("trust")


@command.command(cls=LoggedCommand)
@_site
@click.option(
    "--keys",
    "folder",
    required=True,
    type=FOLDER,
    help="Folder for the new keys; it must not have any yet.",
)
@_lifetime_options
@passphrase_option
@json_option
def init(
    site: str, folder: Path, passphrase: bytes | None, as_json: bool, **days: float | None
) -> None:
    """Make keys and sign SITE, with the catalog that it has, for the first time.

    Writes root.pem, targets.pem and online.pem to the folder of the keys, and root.json, which
    clients pin. Take root.pem offline afterwards: only `dlcore trust rotate` needs it. If it is
    interrupted, run it again.
    """
    from dlcore.publish.first_signing import sign_for_the_first_time
    from dlcore.trust import DEFAULT_LIFETIMES

    target = open_destination(site, doing="sign")
    lifetimes = msgspec.structs.replace(DEFAULT_LIFETIMES, **_seconds(days))
    root = sign_for_the_first_time(target, folder, passphrase, lifetimes)
    document = target.read_whole(CATALOG_KEY) or b""
    packages = len(decode_catalog(document, source=target.name).packages)
    if as_json:
        show_json({"site": target.name, "root": str(root), "packages": packages})
    else:
        say(f"{target.name} is signed, with {counted(packages, 'package')}; clients pin {root}")
        say(f"take {folder / 'root.pem'} offline; publish with --sign-with {folder}")


@command.command(cls=LoggedCommand)
@_site
@sign_with_option
@keys_root_option
@passphrase_option
@json_option
def renew(
    site: str,
    sign_with: tuple[Path, ...],
    root: Path | None,
    passphrase: bytes | None,
    as_json: bool,
) -> None:
    """Sign a new timestamp for SITE, so that it stays valid while nothing is published.

    Meant for a job that runs every day, with online.pem. Renew with all keys now and then, if
    nothing is published for long: that signs the targets again when half of their life is over.
    """
    opened = _open(open_destination(site, doing="sign"), sign_with, root, passphrase)
    verified = opened.renew()
    ends = {role: document.expires for role, document in verified.signed.items()}
    first = min(_ROLES, key=lambda role: (ends[role], role != "timestamp"))
    if as_json:
        show_json({"site": site, "expires": f"{ends[first]:%Y-%m-%dT%H:%M:%SZ}", "role": first})
    else:
        say(f"{site}: valid until {ends[first]:%Y-%m-%d %H:%M:%S} UTC, when the {first} expires")


@command.command(cls=LoggedCommand)
@_site
@sign_with_option
@keys_root_option
@passphrase_option
@click.option(
    "--add",
    multiple=True,
    metavar="ROLE=FILE",
    help="A key that counts for a role from now on: a PEM file with its public or private half.",
)
@click.option(
    "--remove",
    multiple=True,
    metavar="ROLE=ID",
    help="A key that no longer counts: its id as `dlcore trust show` lists it, or the start of it.",
)
@click.option(
    "--threshold",
    multiple=True,
    metavar="ROLE=NUMBER",
    help="How many keys must sign for a role.",
)
@click.option(
    "--catalog",
    type=EXISTING_FILE,
    metavar="FILE",
    help="Sign this catalog in place of the site's: after a key was stolen, when what the site "
    "says cannot be trusted.",
)
@_lifetime_options
@json_option
def rotate(
    site: str,
    sign_with: tuple[Path, ...],
    root: Path | None,
    passphrase: bytes | None,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    threshold: tuple[str, ...],
    catalog: Path | None,
    as_json: bool,
    **days: float | None,
) -> None:
    """Write a new root for SITE: other keys, other thresholds, or only a later expiry.

    Needs root keys of the old root and of the new one. Where keys of another role change, it also
    needs keys of that role, and signs the site again. Clients follow by themselves.
    """
    target = open_destination(site, doing="sign")
    opened = _open(target, sign_with, root, passphrase)
    change = _change(add, remove, threshold, passphrase)._replace(lifetimes_s=_seconds(days))
    from dlcore.publish.rotation import rotate as rotate_root

    version = rotate_root(target, opened, change, read_plain(catalog) if catalog else None)
    if as_json:
        show_json({"site": site, "root_version": version})
    else:
        say(f"{site}: root {version} is in force; pinned roots need not be replaced")


@command.command(cls=LoggedCommand)
@_site
@click.option(
    "--root", type=EXISTING_FILE, required=True, metavar="FILE", help="The root to verify with."
)
@json_option
def show(site: str, root: Path, as_json: bool) -> None:
    """Verify SITE with a root and show what is signed, by which keys, until when.

    Shows expired documents too, and says so.
    """
    from dlcore.publish.signatures import verify_signatures
    from dlcore.publish.signed_site import now_utc
    from dlcore.trust.pinned_root import read_root

    verified = verify_signatures(open_site(site), read_root(root), allow_expired=True)
    now = now_utc()
    rows = [
        {
            "role": role,
            "version": document.version,
            "expires": f"{document.expires:%Y-%m-%dT%H:%M:%SZ}",
            "expired": document.is_expired(now),
            "threshold": verified.root.roles[role].threshold,
            "keys": verified.root.roles[role].keyids,
        }
        for role, document in verified.signed.items()
    ]
    if as_json:
        show_json({"site": site, "roles": rows})
    else:
        show_table(("role", "version", "valid until", "", "signatures", "keys"), map(_row, rows))


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["role"],
        str(row["version"]),
        row["expires"],
        "EXPIRED" if row["expired"] else "",
        f"{row['threshold']} of {len(row['keys'])}",
        " ".join(key[:16] for key in row["keys"]),
    )


def _seconds(days: dict[str, float | None]) -> dict[Role, int]:
    """Lifetimes by role, of those that are given."""
    given = {role: days[f"{role}_days"] for role in _ROLES}
    return {role: round(value * 86_400) for role, value in given.items() if value}


def _open(
    target: Destination,
    sign_with: tuple[Path, ...],
    root: Path | None,
    passphrase: bytes | None,
) -> SignedSite:
    from dlcore.publish.signed_site import SignedSite
    from dlcore.trust.signing_keys import load_signing_keys

    if not sign_with:
        raise ConfigError("no key is named", remedy="Name the keys with --sign-with.")
    keys = load_signing_keys(sign_with, passphrase, root=root)
    return SignedSite(target, keys)


def _change(
    add: Iterable[str], remove: Iterable[str], threshold: Iterable[str], passphrase: bytes | None
) -> RootChange:
    from dlcore.trust.keys import load_key
    from dlcore.trust.roots import RootChange

    thresholds = {}
    for role, value in map(_by_role, threshold):
        if not value.isdecimal():
            raise ConfigError(
                f"--threshold: {quoted(value)} is not a number", remedy="Give it as targets=2."
            )
        thresholds[role] = int(value)
    return RootChange(
        add=tuple((role, load_key(Path(file), passphrase)) for role, file in map(_by_role, add)),
        remove=tuple(map(_by_role, remove)),
        thresholds=thresholds,
    )


def _by_role(text: str) -> tuple[Role, str]:
    role, equals, value = text.partition("=")
    if role not in _ROLES or not equals or not value:
        raise ConfigError(
            f"{quoted(text)} does not name a role and what it gets",
            remedy=f"Write ROLE=VALUE; the roles are {', '.join(_ROLES)}.",
        )
    return role, value
