"""``dlcore agent want``, ``wants`` and ``forget``: what the agent is asked to have."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dlcore.cli.ending.loop import run_async
from dlcore.cli.logs import LoggedCommand
from dlcore.cli.options.moments import moment_of
from dlcore.cli.options.state import state_option, users_state
from dlcore.cli.output import json_option, say, show_json, show_table, tell
from dlcore.engine.numbers_for_people import amount
from dlcore.errors import LockedError, NotFoundError
from dlcore.package_ids import asked_id
from dlcore.printable import quoted
from dlcore.spelling import hint

if TYPE_CHECKING:
    from dlcore.agent.interface import AgentStatus, PackageStatus, Want

_NAME = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_NAME_OF_RUNS = "dlcore-run"


def _checked_name(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
    if text is None or (_NAME.fullmatch(text) and text != _NAME_OF_RUNS):
        return text
    why = "runs use this name" if text == _NAME_OF_RUNS else "cannot be the name of a want"
    raise click.BadParameter(
        f"{quoted(text)}: {why}. Write up to 128 letters, digits and . _ : - without spaces."
    )


@click.command(cls=LoggedCommand)
@click.argument("packages", nargs=-1, required=True, metavar="PACKAGE...")
@click.option(
    "--name",
    callback=_checked_name,
    metavar="NAME",
    help="What the want is called; it replaces an earlier one of this name. By default the ids of "
    "its packages, with dots between them.",
)
@click.option(
    "--by",
    callback=moment_of,
    metavar="TIME",
    help="When everything must be there, in local time: 06:00 (the next one), 2026-12-01T06:00, "
    "or +8h. Until it is near, only bandwidth is used that other traffic leaves unused. Without "
    "--by and --background, it is fetched at once.",
)
@click.option(
    "--background",
    "is_background",
    is_flag=True,
    help="Only use bandwidth that other traffic leaves unused, however long that takes; not with "
    "--by.",
)
@state_option
@json_option
def want(
    packages: tuple[str, ...],
    name: str | None,
    by: datetime.datetime | None,
    is_background: bool,
    state: Path,
    as_json: bool,
) -> None:
    """Ask the agent to fetch each PACKAGE, in the order in which they are named.

    The command does not wait for them: `dlcore agent status` shows how far they are, and
    `dlcore fetch PACKAGE -o FOLDER` waits for one and copies it. The agent goes on after a restart
    of the machine, and fetches new versions as well, until `dlcore agent forget NAME`. Status 20 if
    the agent does not run.
    """
    from dlcore.agent.interface import Priority, Want

    if by and is_background:
        raise click.UsageError(
            "--by names a time, and --background takes as long as it takes: give one of them"
        )
    wanted = tuple(dict.fromkeys(map(asked_id, packages)))
    found = Want(
        name or _name_of(wanted),
        wanted,
        priority=Priority.BACKGROUND if by or is_background else Priority.FOREGROUND,
        by_s=by.timestamp() if by else None,
    )
    statuses = run_async(_want(state, found))
    unknown = [each.package_id for each in statuses if not (each.version or each.catalog_trouble)]
    for each in unknown:
        tell(
            f": package {each} is not in the site's catalog; it is fetched as soon as it is there",
            label="warning",
        )
    if as_json:
        show_json({"want": _for_programs(found), "unknown": unknown})
        return
    say(f"wanted: {found.name}, {_pace(by, is_background=is_background)}")
    for status in statuses:
        if status.package_id not in unknown:
            say(_standing(status))
    at = "" if state == users_state() else f" --state {state}"
    tell(
        f"'dlcore agent status{at}' shows how far it is;"
        f" 'dlcore agent forget {found.name}{at}' takes it back"
    )


def _pace(by: datetime.datetime | None, *, is_background: bool) -> str:
    """When it will be there, as far as that can be said."""
    if by:
        return f"to be there by {by.astimezone():%Y-%m-%d %H:%M} (local time)"
    return "in the background, however long that takes" if is_background else "as soon as possible"


def _standing(package: PackageStatus) -> str:
    """Where one of its packages stands."""
    version = f" version {package.version}" if package.version else ""
    if package.folder:
        return f"{package.package_id}{version}: complete"
    size = "" if package.total_bytes is None else f" of {amount(package.total_bytes)}"
    trouble = f"; the last attempt failed: {package.trouble.message}" if package.trouble else ""
    return f"{package.package_id}{version}: {amount(package.verified_bytes)}{size}{trouble}"


def _name_of(packages: Sequence[str]) -> str:
    name = ".".join(packages)
    if not _NAME.fullmatch(name):
        raise click.UsageError(
            "the ids of all these packages are too long for the name of a want: give --name NAME"
        )
    return name


@click.command(cls=LoggedCommand)
@state_option
@json_option
def wants(state: Path, as_json: bool) -> None:
    """List what the agent was asked to fetch, the oldest first; status 20 if it does not run."""
    found = run_async(_status(state)).wants
    if as_json:
        show_json({"wants": [_for_programs(each) for each in found]})
    elif not found:
        say("no wants")
    else:
        show_table(("want", "priority", "by (UTC)", "what"), map(_row, found))


@click.command(cls=LoggedCommand)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "is_all", is_flag=True, help="Forget all wants.")
@state_option
@json_option
def forget(names: tuple[str, ...], is_all: bool, state: Path, as_json: bool) -> None:
    """Take back what the agent was asked to fetch, by the NAME that `dlcore agent wants` shows.

    Its packages stay on disk, and are removed when the cache is full. What a run that goes on needs
    is not forgotten: status 10, and left out of --all. Status 4 if there is no such
    want: nothing is forgotten then. Status 20 if the agent does not run.
    """
    if is_all == bool(names):
        raise click.UsageError("name what is to be forgotten: a NAME, or --all")
    forgotten, kept = run_async(_forget(state, names))
    if as_json:
        show_json({"forgotten": forgotten})
        return
    for name in forgotten:
        say(f"forgotten: {name}")
    if not (forgotten or kept):
        say("no wants")


async def _want(state: Path, want: Want) -> list[PackageStatus]:
    """Tell the agent; returns where the packages stand."""
    from dlcore.agent.client import AgentClient

    async with AgentClient(state, patience_s=0.0) as agent:
        await agent.want(want)
        await agent.look()
        return [await agent.package(each) for each in want.packages]


async def _status(state: Path) -> AgentStatus:
    from dlcore.agent.client import AgentClient

    async with AgentClient(state, patience_s=0.0) as agent:
        return await agent.status()


async def _forget(state: Path, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Forget these wants, or all if none is named.

    Returns:
        The names of those that are forgotten, and of those of all that a run needs.
    """
    from dlcore.agent.client import AgentClient

    async with AgentClient(state, patience_s=0.0) as agent:
        known = [each.name for each in (await agent.status()).wants]
        for name in names:
            if name not in known:
                raise NotFoundError(
                    f"there is no want called {quoted(name)}{hint(name, known)}",
                    remedy="'dlcore agent wants' lists the names.",
                )
        chosen = list(dict.fromkeys(names)) or known
        forgotten: list[str] = []
        kept: list[str] = []
        for name in chosen:
            try:
                await agent.forget(name)
                forgotten.append(name)
            except LockedError as error:
                if names:
                    raise
                tell(f": {error.message}; it is not forgotten", label="warning")
                kept.append(name)
    return forgotten, kept


def _for_programs(want: Want) -> dict[str, Any]:
    return {
        "name": want.name,
        "priority": want.priority.value,
        "by": None if want.by_s is None else f"{_moment(want.by_s):%Y-%m-%dT%H:%M:%SZ}",
        "packages": list(want.packages),
        "position": want.sequence.position if want.sequence else None,
    }


def _row(want: Want) -> tuple[str, ...]:
    what = [*want.packages]
    if want.sequence:
        what.append(f"a task sequence from step {want.sequence.position} on")
    by = "" if want.by_s is None else f"{_moment(want.by_s):%Y-%m-%d %H:%M}"
    return want.name, want.priority.value, by, ", ".join(what)


def _moment(by_s: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(by_s, datetime.UTC)
