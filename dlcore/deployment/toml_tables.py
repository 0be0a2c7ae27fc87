"""TOML tables as frozen structs: whatever is not exactly right is refused by name.

Guarantees: every key of the text is used or refused; every value has the type its struct states;
each refusal names the file and the key, says what is allowed, and never repeats a value, which
might be a secret. Whether settings fit together is checked by the caller.
"""

from __future__ import annotations

import difflib
import enum
import re
import tomllib
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from dlcore.errors import ConfigError
from dlcore.text_files import text_of

MAX_TOML_BYTES = 1 << 20  # some 10,000 facts or variables
MAX_KEY_PARTS = 32
"""Parts of a dotted key. `tomllib` takes time that grows with the square of their number."""

_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
_LONG_KEY = re.compile(rf"(?<![\w-])(?:{_PART}){{{MAX_KEY_PARTS}}}")

T = TypeVar("T", bound=msgspec.Struct)
Table = dict[str, Any]  # what `tomllib` makes of a table


def parse(text: bytes, file: str) -> Table:
    """Parse a TOML document, in any encoding in which Windows saves text.

    Raises:
        ConfigError: Not text or not TOML, or longer or deeper than settings can be.
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
        return tomllib.loads(document)
    except (ValueError, RecursionError) as error:  # a number of 4301 digits is a bare ValueError
        raise ConfigError(
            f"{file}: {error}",
            remedy="Correct the TOML there. Strings need quotes; a Windows path needs single ones.",
        ) from None


def build(shape: type[T], table: object, where: str) -> T:
    """Make a struct of a table.

    Args:
        shape: The struct; its fields are the known keys, its defaults those of the settings.
        table: What the file holds there.
        where: File and key of the table, for messages.

    Raises:
        ConfigError: An unknown or missing key, or a value of another type.
    """
    table = as_table(table, where)
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    refuse_unknown(table, fields, where)
    for key, field in fields.items():
        if field.required and key not in table:
            raise ConfigError(f"{where}: {key} is missing", remedy=f"Add {key} = ... there.")
    values = {key: convert(fields[key].type, table[key], f"{where}.{key}") for key in table}
    return shape(**{fields[key].name: value for key, value in values.items()})


def as_table(value: object, where: str) -> Table:
    """The value as a table.

    Raises:
        ConfigError: It is something else.
    """
    if isinstance(value, dict):
        return value
    raise ConfigError(f"{where} is not a table", remedy="Write its keys below a [heading].")


def refuse_unknown(table: Table, known: Iterable[str], where: str) -> None:
    """Refuse keys that mean nothing: a setting that is misspelt must not be a setting ignored.

    Raises:
        ConfigError: Naming the key, the nearest known one and all known ones.
    """
    names = list(known)
    for key in table:
        if key in names:
            continue
        near = difflib.get_close_matches(key, names, n=1)
        raise ConfigError(
            f"{where}: {key} is not a known key" + (f"; did you mean {near[0]}?" if near else ""),
            remedy=f"Known keys: {', '.join(names)}.",
        )


def convert(kind: Any, value: object, where: str) -> Any:
    """A value of the stated type; a table of the user's own keys is checked value by value.

    Raises:
        ConfigError: It is of another type, or not one of the allowed values.
    """
    if getattr(kind, "__origin__", None) is dict:
        items = as_table(value, where).items()
        return {key: convert(kind.__args__[1], item, f'{where}."{key}"') for key, item in items}
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        is_enum = isinstance(kind, type) and issubclass(kind, enum.Enum)
        problem = "not an allowed value" if is_enum else str(error).replace("`", "")
        raise ConfigError(f"{where}: {problem}", remedy=_allowed(kind)) from None


def _allowed(kind: Any) -> str:
    """What may be written for a value of this type."""
    if kind is bool:
        return "Allowed: true, false (without quotes)."
    if getattr(kind, "__origin__", None) is tuple:
        return 'Write strings between brackets: ["...", "..."].'
    if kind is str:
        return 'Write it between quotes: "...".'
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return "Allowed: " + ", ".join(f'"{member.value}"' for member in kind) + "."
    return "Allowed: a whole number in the stated bounds (without quotes)."
