"""``dlcore help``: the help of a command, a page of the manual, or what a code means."""

from __future__ import annotations

import click

from dlcore.cli.logs import LoggedCommand
from dlcore.cli.output import json_option, say, show_json, tell_page
from dlcore.cli.pages import (
    PAGES,
    WITH_CODES,
    Row,
    codes_of,
    rows_about,
    rows_of,
    text_of,
    title_of,
)
from dlcore.errors import ConfigError
from dlcore.printable import quoted
from dlcore.spelling import hint


def _completed(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Commands and pages whose names begin with a text."""
    root = ctx.find_root()
    assert isinstance(root.command, click.Group)
    names = [*root.command.list_commands(root), *PAGES]
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


class _Help(LoggedCommand):
    """Works also if the configuration file is wrong."""

    is_configured = False


@click.command(cls=_Help)
@click.argument("topic", nargs=-1, metavar="[TOPIC]", shell_complete=_completed)
@json_option
@click.pass_context
def command(ctx: click.Context, topic: tuple[str, ...], as_json: bool) -> None:
    """Show the help of a command, a page of the manual, or what a code means.

    TOPIC is a command (trust init), the name of a page (exit-codes, or trust.md, as trust is a
    command), the code or the exit status of an error (not-found, 4), or the number of a fault (N3).
    Without it, the pages are listed.
    """
    root = ctx.find_root()
    if not topic:
        _list_topics(root, as_json=as_json)
        return
    shown = " ".join(topic)
    page = shown.removesuffix(".md").rpartition("/")[2]
    own, rows = _help_of(root, topic), _rows_about(shown)
    is_markdown = page in PAGES and not own
    if is_markdown:
        text = text_of(page)
    else:
        named = f"The page about it: dlcore help {page}.md" if own and page in PAGES else ""
        text = "\n\n".join(filter(None, (own, named, _explained(rows))))
    if not text:
        raise _unknown_topic_error(root, shown)
    if as_json:
        show_json({"topic": shown, "text": text})
    else:
        tell_page(text, is_markdown=is_markdown)


def _list_topics(root: click.Context, *, as_json: bool) -> None:
    titles = {page: title_of(text_of(page)) for page in PAGES}
    if as_json:
        show_json({"pages": titles})
        return
    assert isinstance(root.command, click.Group)
    commands = root.command.list_commands(root)
    topics = {page: f"{page}.md" if page in commands else page for page in titles}
    width = max(map(len, topics.values()))
    say("Pages:")
    for page, title in titles.items():
        say(f"  {topics[page]:{width}}  {title}")
    say("Commands, codes of errors, exit statuses and numbers of faults are topics, too:")
    say("  dlcore help fetch, dlcore help not-found, dlcore help 6, dlcore help N3")


def _help_of(root: click.Context, topic: tuple[str, ...]) -> str:
    """The help of a command; empty if the topic is not a command."""
    context = root
    for word in topic:
        group = context.command
        found = group.get_command(context, word) if isinstance(group, click.Group) else None
        if found is None:
            return ""
        context = click.Context(
            found, parent=context, info_name=word, help_option_names=root.help_option_names
        )
    return context.get_help()


def _rows_about(code: str) -> list[Row]:
    return [row for page in WITH_CODES for row in rows_about(code, rows_of(page, text_of(page)))]


def _explained(rows: list[Row]) -> str:
    """Rows as lines, without the tests that a fault names."""
    blocks: list[str] = []
    for row in rows:
        cells = {name: cell for name, cell in row.cells.items() if cell and name != "Test"}
        blocks.append("\n".join(f"{name}: {cell}" for name, cell in cells.items()))
    pages = dict.fromkeys(row.page for row in rows)
    blocks.append("\n".join(f"More: dlcore help {page}" for page in pages))
    return "\n\n".join(blocks).replace("`", "")


def _unknown_topic_error(root: click.Context, topic: str) -> ConfigError:
    assert isinstance(root.command, click.Group)
    known = [*root.command.list_commands(root), *PAGES]
    for page in WITH_CODES:
        known += codes_of(rows_of(page, text_of(page)))
    return ConfigError(
        f"there is no help about {quoted(topic)}{hint(topic, known)}",
        remedy="'dlcore help' lists the topics.",
    )
