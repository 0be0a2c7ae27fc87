"""TOML tables as frozen structs: whatever is not exactly right is refused by name.

Guarantees: every key of the text is used or refused; every value has the type its struct states;
each refusal names the file and the key, says what is allowed, and never repeats a value, which
might be a secret. All that is wrong with a table is told at once. Whether settings fit together is
checked by the caller.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from dlcore.deployment.problems import Problems
from dlcore.deployment.refused_values import what_is_allowed, what_is_wrong
from dlcore.errors import ConfigError
from dlcore.printable import quoted
from dlcore.spelling import hint
from dlcore.text_files import text_of

MAX_TOML_BYTES = 1 << 20  # some 10,000 facts or variables
MAX_INTEGER = (1 << 63) - 1
"""Any whole number of a document, with or without a minus. TOML knows no larger ones, and a float
holds them.

Source: TOML 1.0.0, "Integer".
"""

MAX_KEY_PARTS = 32
"""Parts of a dotted key. `tomllib` takes time that grows with the square of their number."""

_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
_LONG_KEY = re.compile(rf"(?<![\w-])(?:{_PART}){{{MAX_KEY_PARTS}}}")

T = TypeVar("T", bound=msgspec.Struct)
Table = dict[str, Any]  # what `tomllib` makes of a table


def parse(text: bytes, file: str) -> Table:
    """Parse a TOML document, in any encoding in which Windows saves text.

    Raises:
        ConfigError: Not text or not TOML, or longer or deeper than settings can be; or a number has
            more than 64 bits.
    """
    if len(text) > MAX_TOML_BYTES:
        raise ConfigError(
            f"{file}: is longer than {MAX_TOML_BYTES >> 20} MiB", remedy="Check the path."
        )
    try:
        document = text_of(text)
    except ValueError as error:
        raise ConfigError(f"{file}: {error}", remedy="Save the file as UTF-8.") from None
    try:
        if _LONG_KEY.search(document):
            raise ValueError(f"a key has {MAX_KEY_PARTS} parts or more")
        table = tomllib.loads(document)
        _refuse_large_integers(table)
    except (ValueError, RecursionError) as error:  # a number of 4301 digits is a bare ValueError
        raise ConfigError(
            f"{file}: {error}",
            remedy="Correct the TOML there. Strings need quotes; a Windows path needs single ones.",
        ) from None
    return table


def _refuse_large_integers(table: Table) -> None:
    """Refuse integers that TOML does not know; `tomllib` reads as many digits as there are."""
    waiting: list[tuple[str, object]] = list(table.items())
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.items()
        elif isinstance(value, list):
            waiting += [(key, item) for item in value]
        elif isinstance(value, int) and abs(value) > MAX_INTEGER:
            raise ValueError(f"the number of {quoted(key)} has more than 64 bits")


def build(shape: type[T], table: object, where: str, problems: Problems | None = None) -> T:
    """Make a struct of a table.

    Args:
        shape: The struct; its fields are the known keys, its defaults those of the settings.
        table: What the file holds there.
        where: File and key of the table, for messages.
        problems: What was found wrong with the table before; it is raised together with the rest.

    Raises:
        ConfigError: Unknown or missing keys, or values of another type: all of them.
    """
    found = problems or Problems()
    values = values_of(shape, as_table(table, where), where, found)
    found.refuse()
    return shape(**values)


def values_of(
    shape: type[msgspec.Struct], table: Table, where: str, problems: Problems
) -> dict[str, Any]:
    """The values of a table that can be used, by field; the others are told to ``problems``.

    Args:
        shape: As for `build`.
        table: As for `build`.
        where: As for `build`.
        problems: Hears of unknown and missing keys, and of values of another type.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    table = only_known(table, fields, where, problems)
    for key, field in fields.items():
        if field.required and key not in table:
            problems.add(f"{where}: {key} is missing", f"Add {key} = ... there.")
    values: dict[str, Any] = {}
    for key, value in table.items():
        with problems:
            values[fields[key].name] = convert(fields[key].type, value, f"{where}.{key}")
    return values


def as_table(value: object, where: str) -> Table:
    """The value as a table.

    Raises:
        ConfigError: It is something else.
    """
    if isinstance(value, dict):
        return value
    raise ConfigError(f"{where} is not a table", remedy="Write its keys below a [heading].")


def only_known(table: Table, known: Iterable[str], where: str, problems: Problems) -> Table:
    """The table without the keys that mean nothing; they are told to ``problems``.

    A setting that is misspelt must not be a setting ignored: the message names the nearest known
    key, the remedy all of them.
    """
    names = list(known)
    for key in table:
        if key not in names:
            problems.add(
                f"{where}: {key} is not a known key{hint(key, names)}",
                f"Known keys: {', '.join(names)}.",
            )
    return {key: value for key, value in table.items() if key in names}


def convert(kind: Any, value: object, where: str) -> Any:
    """A value of the stated type; a table of the user's own keys is checked value by value.

    Raises:
        ConfigError: It is of another type, or not one of the allowed values; or it contains NUL,
            which no path, URL or variable of a command may have.
    """
    if any("\0" in text for text in _strings(value)):
        raise ConfigError(f"{where}: contains the character NUL", remedy="Remove it.")
    if getattr(kind, "__origin__", None) is dict:
        if not isinstance(value, dict):
            raise ConfigError(
                f"{where} is not a table", remedy="Write {NAME = VALUE, NAME = VALUE}."
            )
        return _convert_all(kind.__args__[1], value, where)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        problem, remedy = what_is_wrong(kind, value, error), what_is_allowed(kind)
        raise ConfigError(f"{where}: {problem}", remedy=remedy) from None


def _convert_all(kind: Any, table: Table, where: str) -> Table:
    """The values below keys of the user's own, each of the stated type."""
    problems, values = Problems(), {}
    for key, item in table.items():
        with problems:
            values[key] = convert(kind, item, f'{where}."{key}"')
    problems.refuse()
    return values


def _strings(value: object) -> Iterator[str]:
    """The value itself, the strings of a list, or the keys of a table."""
    items = value if isinstance(value, list | dict) else [value]
    yield from (item for item in items if isinstance(item, str))
