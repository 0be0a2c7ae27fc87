"""``dlcore cache``: look after the packages that a state directory keeps."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from dlcore.cli.help_option import HelpfulGroup
from dlcore.cli.logs import LoggedCommand
from dlcore.cli.options.dry_run import dry_run_option
from dlcore.cli.options.paths import EXISTING_FILE
from dlcore.cli.options.state import state_option
from dlcore.cli.output import json_option, say, show_json, show_table
from dlcore.deployment import load_deployment
from dlcore.deployment.sizes import HOW_TO_WRITE_A_SIZE, parse_share, parse_size
from dlcore.engine.caching import Pruned, cached, check_there, chosen, pin, prune, verify
from dlcore.engine.numbers_for_people import amount, counted
from dlcore.errors import ConfigError, IntegrityError
from dlcore.file_times import moment_of
from dlcore.printable import quoted
from dlcore.store import CacheLimit, Holding, Stay, space_at
from dlcore.store.cache.eviction import total_bytes

_packages = click.argument("packages", nargs=-1, metavar="[PACKAGE]...")
_named_packages = click.argument("packages", nargs=-1, required=True, metavar="PACKAGE...")


@click.group(cls=HelpfulGroup)
def command() -> None:
    """Look after the packages that the state directory keeps.

    A package is named by its id, its id and version (ABC00012.3), or its key as `dlcore cache list`
    shows it. `dlcore help cache.md` says what is kept and what is removed.
    """


@command.command("list", cls=LoggedCommand)
@_packages
@state_option
@json_option
def list_(packages: tuple[str, ...], state: Path, as_json: bool) -> None:
    """List the packages that are there, the longest unused first."""
    found = sorted(chosen(cached(state), packages), key=lambda each: each.used_ns)
    if as_json:
        show_json({"packages": [_for_programs(each) for each in found]})
        return
    columns = ("package", "size", "last used (UTC)", "")
    show_table(columns, [_row(each) for each in found])


@command.command(cls=LoggedCommand)
@state_option
@json_option
def size(state: Path, as_json: bool) -> None:
    """Tell how much of the disk the packages take; what they share counts once."""
    found = cached(state)
    taken_bytes, each_bytes = total_bytes(found), sum(each.size_bytes for each in found)
    space = space_at(state)
    if as_json:
        show_json(
            {
                "packages": len(found),
                "disk_bytes": taken_bytes,
                "shared_bytes": each_bytes - taken_bytes,
                "free_bytes": space.free_bytes,
            }
        )
        return
    say(
        f"{counted(len(found), 'package')}: {amount(taken_bytes)} on the disk, and"
        f" {amount(each_bytes - taken_bytes)} more if they shared nothing;"
        f" {amount(space.free_bytes)} are free"
    )


def _limit_of(ctx: click.Context, param: click.Parameter, text: str | None) -> CacheLimit | None:
    if text is None:
        return None
    if share := parse_share(text):
        return CacheLimit(max_share=share)
    try:
        return CacheLimit(int(text) if text.isascii() and text.isdigit() else parse_size(text))
    except ValueError:
        remedy = f'{HOW_TO_WRITE_A_SIZE} Or a share of the disk, such as "10 %".'
        raise click.BadParameter(f"{quoted(text)}: not a size. {remedy}") from None


@command.command("prune", cls=LoggedCommand)
@click.option(
    "--max-size",
    "limit",
    callback=_limit_of,
    metavar="SIZE",
    help='How much may stay, such as "20 GB" or "10 %" of the disk; 0 keeps only what must stay.',
)
@click.option(
    "--config",
    type=EXISTING_FILE,
    help="Deployment settings (TOML): cache.max_size says how much may stay.",
)
@dry_run_option
@state_option
@json_option
def prune_(
    limit: CacheLimit | None, config: Path | None, is_dry_run: bool, state: Path, as_json: bool
) -> None:
    """Remove packages, the longest unused first, until the rest is small enough.

    What is pinned stays, and so does what a current run needs or an agent wants. The command
    tells why each package stays. If it is interrupted, each package is there whole or not at all,
    and the next call removes the rest.
    """
    from dlcore.agent.wanted_keys import wanted_keys

    limit = _limit(limit, config)
    check_there(state)
    done = prune(state, limit, is_dry_run=is_dry_run, wanted=wanted_keys(state))
    if as_json:
        kept = [{**_for_programs(each), "why": why.value} for each, why in done.kept]
        removed = [_for_programs(each) for each in done.removed]
        show_json({"dry_run": is_dry_run, "removed": removed, "kept": kept})
        return
    _show_pruned(done, "would be removed" if is_dry_run else "removed")


@command.command("pin", cls=LoggedCommand)
@_named_packages
@state_option
@json_option
def pin_(packages: tuple[str, ...], state: Path, as_json: bool) -> None:
    """Keep packages, however full the cache is."""
    _show_pinned(pin(state, packages, is_pinned=True), "pinned", as_json=as_json)


@command.command(cls=LoggedCommand)
@_named_packages
@state_option
@json_option
def unpin(packages: tuple[str, ...], state: Path, as_json: bool) -> None:
    """Let packages be removed again when the cache is full."""
    _show_pinned(pin(state, packages, is_pinned=False), "not pinned any more", as_json=as_json)


@command.command("verify", cls=LoggedCommand)
@_packages
@state_option
@json_option
def verify_(packages: tuple[str, ...], state: Path, as_json: bool) -> int:
    """Hash finished packages and tell what differs from their manifests; changes nothing.

    A package that differs is repaired when it is needed next. Ends with status 7 if one differs.
    """
    results = []
    for each in chosen(cached(state), packages):
        if each.is_finished:
            bad = verify(state, each)
            faults = ["the manifest is damaged"] if bad is None else [f.path for f in bad]
            results.append((each, faults))
    if as_json:
        rows = [
            {"key": each.key, "verified": not faults, "bad": faults} for each, faults in results
        ]
        show_json({"packages": rows})
    else:
        for each, faults in results:
            for fault in faults:
                say(f"{each.key}: {fault}")
            say(f"{each.key}: {counted(len(faults), 'fault') if faults else 'all verified'}")
    return IntegrityError.exit_status if any(faults for _, faults in results) else 0


def _limit(given: CacheLimit | None, config: Path | None) -> CacheLimit:
    if (given is None) == (config is None):
        raise click.UsageError("name how much may stay: with --max-size or with --config")
    if config:
        settings = load_deployment(config).cache
        if settings.max_bytes is None and settings.max_share is None:
            raise ConfigError(
                f"{config}: cache.max_size is not set, so nothing is removed",
                remedy="Set it there, or give --max-size.",
            )
        return CacheLimit(settings.max_bytes, settings.max_share)
    return given or CacheLimit()


def _show_pinned(packages: Sequence[Holding], how: str, *, as_json: bool) -> None:
    if as_json:
        show_json({"packages": [each.key for each in packages]})
        return
    for each in packages:
        say(f"{how}: {each.key}")


def _show_pruned(done: Pruned, how: str) -> None:
    for each in done.removed:
        say(f"{how}: {each.key} ({amount(each.size_bytes)})")
    for each, why in done.kept:
        used = f", last used {_used(each):%Y-%m-%d %H:%M}" if why is Stay.FITS else ""
        say(f"stays: {each.key} ({amount(each.size_bytes)}): {why.value}{used}")
    say(f"{counted(len(done.removed), 'package')} {how}, {len(done.kept)} left")


def _used(holding: Holding) -> datetime.datetime:
    return moment_of(holding.used_ns // 10**9)


def _for_programs(holding: Holding) -> dict[str, Any]:
    return {
        "key": holding.key,
        "size_bytes": holding.size_bytes,
        "used": f"{_used(holding):%Y-%m-%dT%H:%M:%SZ}",
        "finished": holding.is_finished,
        "pinned": holding.is_pinned,
    }


def _row(holding: Holding) -> tuple[str, ...]:
    marks = [] if holding.is_finished else ["unfinished"]
    marks += ["pinned"] if holding.is_pinned else []
    used = f"{_used(holding):%Y-%m-%d %H:%M}"
    return holding.key, amount(holding.size_bytes), used, ", ".join(marks)
