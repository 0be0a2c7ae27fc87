"""Man pages of the commands, made of what ``--help`` shows. Source: man 7 man."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from dlcore.cli.app import COMMANDS, group
from dlcore.cli.configuration.command_tree import FoundCommand, found_commands
from dlcore.cli.configuration.option_names import configurable, name_of, variables
from dlcore.cli.pages import PAGES

FOLDER = Path(__file__).parent.parent.parent / "docs" / "man"

COMMON_END = r""".SH EXIT STATUS
0 if all went well. All others are explained by
.BR "dlcore help exit-codes" .
.SH FILES
.TP
.I \(ti/.config/dlcore/config.toml
Values of options; on Windows
.IR %APPDATA%\edlcore\econfig.toml .
The variable
.B DLCORE_CONFIG
names another file.
"""


def pages() -> dict[str, str]:
    """Each page by its file's name."""
    with click.Context(group, info_name="dlcore", help_option_names=["-h", "--help"]) as root:
        found = found_commands(root)
        made = {_file(each.words): _of_command(each, found) for each in found}
        return {"dlcore.1": _of_dlcore(found), **made}


def _of_dlcore(found: tuple[FoundCommand, ...]) -> str:
    lines = [
        _title(()),
        ".SH NAME",
        r"dlcore \- download the packages of a task sequence on demand",
        ".SH SYNOPSIS",
        r".B dlcore",
        r".I COMMAND",
        r"[\fIOPTIONS\fR] [\fIARGUMENTS\fR]",
        ".SH DESCRIPTION",
        *_paragraphs(group.help or ""),
        ".SH COMMANDS",
    ]
    for each in found:
        summary = each.command.get_short_help_str(200)
        if len(each.words) == 1:
            summary = COMMANDS[each.words[0]]
        lines += [".TP", rf"\fB{_plain(' '.join(each.words))}\fR", _plain(summary)]
    lines += [
        ".SH MANUAL",
        "Pages of the manual are shown by",
        r".BR " + '"dlcore help PAGE"' + " :",
    ]
    lines += [_plain(", ".join(PAGES)) + "."]
    return "\n".join(lines) + "\n" + COMMON_END + _see_also(each.words for each in found)


def _of_command(found: FoundCommand, all_found: tuple[FoundCommand, ...]) -> str:
    name = " ".join(("dlcore", *found.words))
    summary = COMMANDS.get(found.words[0]) if len(found.words) == 1 else None
    summary = (summary or found.command.get_short_help_str(200)).rstrip(".")
    title = _plain(name.replace(" ", "-"))
    usage = " ".join(found.command.collect_usage_pieces(found.context))
    lines = [
        _title(found.words),
        ".SH NAME",
        rf"{title} \- {_plain(summary[0].lower() + summary[1:])}",
        ".SH SYNOPSIS",
        rf"\fB{_plain(name)}\fR {_plain(usage)}",
        ".SH DESCRIPTION",
        *_paragraphs(found.command.help or ""),
        ".SH OPTIONS",
        *_options(found),
    ]
    near = [each.words for each in all_found if each.words[0] == found.words[0] and each != found]
    return "\n".join(lines) + "\n" + COMMON_END + _see_also([(), *near])


def _options(found: FoundCommand) -> Iterator[str]:
    settable = {option.name: option for option in configurable(found.command.params)}
    for parameter in found.command.params:
        record = parameter.get_help_record(found.context)
        if record is None or not isinstance(parameter, click.Option):
            continue
        yield from (".TP", _heading(record[0]), _plain(record[1]))
        option = settable.get(parameter.name)
        if option:
            names = variables(found.words, name_of(option))
            yield from (".br", f"Set by {_plain(' or '.join(names))}.")
    yield from (".TP", _heading("-h, --help"), "Show the options and exit.")


def _heading(record: str) -> str:
    """``-i, --input FILE``: the options are bold, what they take is in italics."""
    parts = []
    for part in record.split(", "):
        option, _, value = part.partition(" ")
        parts.append(rf"\fB{_plain(option)}\fR" + (rf" \fI{_plain(value)}\fR" if value else ""))
    return ", ".join(parts)


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield ".PP"
        yield _plain(" ".join(paragraph.split()))


def _see_also(pages: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> str:
    names = [_file(words).removesuffix(".1") for words in pages]
    references = [f".BR {_plain(name)} (1)" for name in names]
    return ".SH SEE ALSO\n" + " ,\n".join(references) + "\n"


def _title(words: tuple[str, ...]) -> str:
    return f'.TH {_plain(_file(words).removesuffix(".1").upper())} 1 "" dlcore "dlcore manual"'


def _file(words: tuple[str, ...]) -> str:
    return "-".join(("dlcore", *words)) + ".1"


def _plain(text: str) -> str:
    """Text without meaning for roff, one sentence a line."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("^", r"\(ha")
    text = text.replace("~", r"\(ti").replace("`", "")
    text = re.sub(r"(?<=[a-z)][.:]) (?=[A-Z])", "\n", text)
    return re.sub(r"^\.", r"\\&.", text, flags=re.MULTILINE)
