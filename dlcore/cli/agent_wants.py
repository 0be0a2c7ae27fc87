"""``dlcore agent wants`` and ``forget``: what the agent was asked to have, and no longer."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dlcore.cli.logs import LoggedCommand
from dlcore.cli.loop import run_async
from dlcore.cli.output import json_option, say, show_json, show_table
from dlcore.cli.state import state_option
from dlcore.errors import NotFoundError
from dlcore.printable import quoted
from dlcore.spelling import hint

if TYPE_CHECKING:
    from dlcore.agent.interface import AgentStatus, Want


@click.command(cls=LoggedCommand)
@state_option
@json_option
def wants(state: Path, as_json: bool) -> None:
    """List what the agent was asked to have, the oldest first; status 20 if it does not run."""
    found = run_async(_status(state)).wants
    if as_json:
        show_json({"wants": [_told(each) for each in found]})
    elif not found:
        say("nobody wants anything")
    else:
        show_table(("want", "priority", "by (UTC)", "what"), map(_row, found))


@click.command(cls=LoggedCommand)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "is_all", is_flag=True, help="Forget all wants.")
@state_option
@json_option
def forget(names: tuple[str, ...], is_all: bool, state: Path, as_json: bool) -> None:
    """Let the agent have something no longer, by the NAME that `dlcore agent wants` shows.

    Its packages stay on disk, and give way when the cache is full. Status 4 if there is no such
    want: nothing is forgotten then. Status 20 if the agent does not run.
    """
    if is_all == bool(names):
        raise click.UsageError("name what is to be forgotten: a NAME, or --all")
    forgotten = run_async(_forget(state, names))
    if as_json:
        show_json({"forgotten": forgotten})
        return
    for name in forgotten:
        say(f"forgotten: {name}")
    if not forgotten:
        say("nobody wants anything")


async def _status(state: Path) -> AgentStatus:
    from dlcore.agent.client import AgentClient

    async with AgentClient(state, patience_s=0.0) as agent:
        return await agent.status()


async def _forget(state: Path, names: Sequence[str]) -> list[str]:
    """Forget these wants, or all if none is named; returns the names."""
    from dlcore.agent.client import AgentClient

    async with AgentClient(state, patience_s=0.0) as agent:
        known = [each.name for each in (await agent.status()).wants]
        for name in names:
            if name not in known:
                raise NotFoundError(
                    f"nobody wants anything by the name {quoted(name)}{hint(name, known)}",
                    remedy="'dlcore agent wants' lists the names.",
                )
        chosen = list(dict.fromkeys(names)) or known
        for name in chosen:
            await agent.forget(name)
    return chosen


def _told(want: Want) -> dict[str, Any]:
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
