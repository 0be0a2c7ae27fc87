"""``dlcore publish --all``, ``--shard`` and ``--join``: everything that a content library has."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click
import msgspec

from dlcore.cli.live.views import open_view
from dlcore.cli.output import say, show_json, tell
from dlcore.engine.numbers_for_people import amount, counted
from dlcore.publish import (
    ContentVersion,
    JoinedShards,
    PublishedLibrary,
    Refusal,
    join_shards,
    parse_shard,
    publish_library,
)

MAX_LISTED = 100  # versions that are listed for people; programs are told all

Command = TypeVar("Command", bound=Callable[..., Any])


class LibraryAsked(NamedTuple):
    """What is asked for beyond a single package.

    Attributes:
        everything: Whether all of a library is published.
        shard: Which shard of it, as it is written; None for all.
        shards: How many shards to join; None to publish.
        parts: Where the parts of shards are kept; empty for the site.
        dask: Address of a scheduler of Dask; None for threads of this process.
        withdraw_gone: How many contents are to be withdrawn; None for none.
    """

    everything: bool
    shard: str | None
    shards: int | None
    parts: str
    dask: str | None
    withdraw_gone: int | None = None

    def check(self, *, content_library: bool, of_one_package: Mapping[str, object]) -> None:
        """Refuse options that do not go together.

        Args:
            content_library: Whether the folders are a content library.
            of_one_package: Values of the options that mean one package, by their names.

        Raises:
            click.UsageError: They do not; the user's fault.
        """
        mode = "--join" if self.shards is not None else "--all"
        if not self.is_asked:
            for name, is_given in (
                ("--shard", self.shard is not None),
                ("--dask", self.dask is not None),
                ("--withdraw-gone", self.withdraw_gone is not None),
            ):
                if is_given:
                    raise click.UsageError(f"{name} goes with --all")
            if self.parts:
                raise click.UsageError("--parts goes with --shard or --join")
            return
        for name, value in of_one_package.items():
            if value:
                raise click.UsageError(f"{mode} and {name} exclude each other")
        if self.shards is not None and (self.everything or self.shard or self.dask):
            raise click.UsageError("--join goes without --all, --shard and --dask")
        if self.withdraw_gone is not None and (self.shards is not None or self.shard):
            raise click.UsageError("--withdraw-gone goes without --shard and --join")
        if self.shards is None and not content_library:
            raise click.UsageError("--all goes with --content-library")
        if self.parts and self.shards is None and self.shard is None:
            raise click.UsageError("--parts goes with --shard or --join")

    @property
    def is_asked(self) -> bool:
        """Whether it is anything else than one package."""
        return self.everything or self.shards is not None


def library_options(command: Command) -> Command:
    """Give ``dlcore publish`` the options that are about a whole library."""
    for option in reversed(
        (
            click.option(
                "--all",
                "everything",
                is_flag=True,
                help="With --content-library: publish everything that the library has, also "
                "applications and updates. FOLDERs are all its drives. What is not as the library "
                "states is named and left out, and the exit status is that of its error.",
            ),
            click.option(
                "--shard",
                metavar="I/N",
                help="With --all: publish the I-th of N parts of the library, for instance on one "
                "of N machines. Clients see it after --join.",
            ),
            click.option(
                "--join",
                "shards",
                type=click.IntRange(min=2, max=1000),
                metavar="N",
                help="Put what N shards have published into the catalog, when all have finished.",
            ),
            click.option(
                "--parts",
                default="",
                metavar="DEST",
                help="With --shard or --join: where shards note what they have published; a place "
                "as of --to. A signed site needs one that only publishers can write to. "
                "[default: the site]",
            ),
            click.option(
                "--withdraw-gone",
                type=click.IntRange(min=1),
                metavar="N",
                help="With --all: remove from the catalog what the library no longer has, if it is "
                "exactly N contents; else do nothing. A run without this option names them. "
                "Their content stays until dlcore prune removes it.",
            ),
            click.option(
                "--dask",
                metavar="ADDRESS",
                help="With --all: publish with the workers of this Dask scheduler, such as "
                "tcp://host:8786; or with processes of this machine: local.",
            ),
        )
    ):
        command = option(command)
    return command


def contradictions(packages: Sequence[str]) -> list[str]:
    """What to say of contents that do not have the content hash that their library states."""
    if not packages:
        return []
    return [
        *_some("the files do not have the content hash that the content library states", packages),
        "a file may be missing in the library: validate the content on the distribution point",
    ]


def publish_everything(
    roots: Sequence[Path], asked: LibraryAsked, *, quiet: bool, as_json: bool, **how: Any
) -> int:
    """Publish a library, or a shard of it, and print what came of it.

    Args:
        roots: The folders ``SCCMContentLib`` of all its drives.
        asked: What is asked for.
        quiet: Whether no progress is shown.
        as_json: Whether programs are told.
        how: Further arguments of `publish_library`.

    Returns:
        The exit status: the highest of what was not published.
    """
    more: dict[str, Any] = {"shard": parse_shard(asked.shard)} if asked.shard else {}
    with contextlib.closing(open_view(quiet=quiet)) as view:
        done = publish_library(
            roots,
            **(how | more),
            parts=asked.parts,
            dask=asked.dask,
            withdraw_gone=asked.withdraw_gone,
            tell=lambda count, of: view.line(f"{count} of {of} contents"),
        )
    if as_json:
        told = {"dry_run": True} if how["dry_run"] else {}
        show_json({**told, **msgspec.to_builtins(done)})
    else:
        for line in _published(done, is_dry_run=how["dry_run"], shard=asked.shard or ""):
            say(line)
    return _tell_refusals(done.refused)


def join(asked: LibraryAsked, *, as_json: bool, **how: Any) -> int:
    """Join the shards of a library, and print what came of it; returns as `publish_everything`."""
    done = join_shards(asked.shards or 0, parts=asked.parts, **how)
    if as_json:
        show_json(msgspec.to_builtins(done))
    else:
        for line in _joined(done):
            say(line)
    return _tell_refusals(done.refused)


def _tell_refusals(refused: Sequence[Refusal]) -> int:
    for each in refused:
        tell(f" ({each.code}): {each.package_id}: {each.message}", label="error")
        if each.remedy:
            tell(f"  {each.remedy}")
    return max((each.exit_status for each in refused), default=0)


def _published(done: PublishedLibrary, *, is_dry_run: bool, shard: str) -> list[str]:
    counts = (
        f"{counted(done.contents, 'content')}{f' in shard {shard}' if shard else ''}: "
        f"{len(done.new)} new, {len(done.changed)} changed, {done.unchanged} unchanged, "
        f"{len(done.refused)} not published"
    )
    lines: list[str] = []
    if is_dry_run:
        counts += " (dry run)"
        lines += _some("new", _names(done.new)) + _some("changed", _names(done.changed))
    out = set(done.withdrawn)
    still = [each for each in done.gone if each not in out]
    withdrawn = "would be withdrawn" if is_dry_run else "withdrawn"
    lines += _some(f"not in the library any more, and {withdrawn}", done.withdrawn)
    lines += _some("not in the library any more, and still published", still)
    lines += contradictions(done.contradicting)
    lines.append(counts)
    if not is_dry_run:
        lines.append(
            f"{counted(done.objects_written, 'object')} ({amount(done.written_bytes)}) and "
            f"{counted(done.documents_written, 'document')} written"
        )
    if shard and not is_dry_run:
        lines.append("clients see it when all shards are joined: --join")
    return lines


def _joined(done: JoinedShards) -> list[str]:
    counts = (
        f"{counted(done.shards, 'shard')} joined: {counted(done.entered, 'package')} entered into "
        f"the catalog, {done.unchanged} unchanged, {len(done.refused)} not published"
    )
    return [*_some("not in the library any more, and still published", done.gone), counts]


def _names(versions: Iterable[ContentVersion]) -> list[str]:
    return [f"{each.package_id} version {each.version}" for each in versions]


def _some(what: str, names: Sequence[str]) -> list[str]:
    lines = [f"{what}: {name}" for name in names[:MAX_LISTED]]
    if len(names) > MAX_LISTED:
        lines.append(f"{what}: {len(names) - MAX_LISTED} more, which --json lists")
    return lines
