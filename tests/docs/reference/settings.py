"""The page about settings: every key of the deployment file, its type and its default."""

from __future__ import annotations

import enum
from typing import Annotated, get_args, get_origin, get_type_hints

import msgspec

from dlcore import deployment
from dlcore.deployment.endpoint_tables import KEYS as KEYS_OF_KINDS
from dlcore.model import EndpointSettings, WebAccess
from tests.docs.reference import markdown
from tests.docs.reference.docstrings import attributes, summary

_INTRODUCTION = """\
Every key of the [deployment file](../configuration.md) at a glance. That page explains what the
keys mean in ConfigMgr, and has examples. Paths may be relative: they start at the folder of the
file."""
_TABLES: dict[str, type[msgspec.Struct]] = {
    "[deployment]": deployment.DeploymentOptions,
    "[client]": deployment.ClientSettings,
    "[launch]": deployment.LaunchSettings,
    "[catalog]": deployment.CatalogSettings,
    "[trust]": deployment.TrustSettings,
    "[transfer]": deployment.TransferSettings,
    "[content]": deployment.ContentSettings,
    "[conditions]": deployment.ConditionSettings,
}
_UNITS = {
    "cap_bytes_per_s": ', or a text such as `"80 Mbit/s"`',
    "link_bytes_per_s": ', or a text such as `"100 Mbit/s"`',
    "reserve": ', or a text such as `"2 GiB"`',
}
_PATH = ["`path`", "text", "needed", "Folder of the published site, in place of `url`.", "file"]
"""A key of the file that is the setting ``url`` in the code."""
_TYPES = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`"}


def page() -> str:
    """The whole page."""
    return markdown.page(
        "# Settings",
        f"{_INTRODUCTION} {markdown.GENERATED}",
        *(f"## `{name}`\n{summary(shape)}\n\n{_table(shape)}" for name, shape in _TABLES.items()),
        "## `[variables]`\nNames of task sequence variables and their values, which are texts.",
        f"## `[[endpoint]]`\n{summary(EndpointSettings)}\n\n{_table(EndpointSettings, _kinds())}",
    )


def _kinds() -> dict[str, str]:
    """Which kinds of endpoints take a key; empty if all do."""
    found: dict[str, str] = {}
    for shape in (EndpointSettings, WebAccess):
        found |= _kinds_of(shape)
    return found


def _kinds_of(shape: type[msgspec.Struct]) -> dict[str, str]:
    found = {}
    for field in msgspec.structs.fields(shape):
        own = [kind.value for kind, keys in KEYS_OF_KINDS.items() if field.encode_name in keys]
        found[field.encode_name] = "" if len(own) == len(KEYS_OF_KINDS) else ", ".join(own)
    return found


def _table(shape: type[msgspec.Struct], kinds: dict[str, str] | None = None) -> str:
    rows = _rows(shape, kinds)
    if kinds:
        rows.insert(3, _PATH)
    head = ["Key", "Is", "Default", "Meaning", *(["Only of"] if kinds else [])]
    return markdown.table(head, rows)


def _rows(shape: type[msgspec.Struct], kinds: dict[str, str] | None) -> list[list[str]]:
    """The keys of a table; what a part of it has stands in the table itself."""
    told, hints = attributes(shape), get_type_hints(shape, include_extras=True)
    rows: list[list[str]] = []
    for field in msgspec.structs.fields(shape):
        if hints[field.name] is WebAccess:
            rows += _rows(WebAccess, kinds)
            continue
        row = [
            f"`{field.encode_name}`",
            _type(hints[field.name]) + _UNITS.get(field.encode_name, ""),
            _default(field),
            markdown.cell(told[field.name]),
        ]
        rows.append([*row, kinds[field.encode_name]] if kinds else row)
    return rows


def _type(hint: object) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        bounds = next(item for item in arguments if isinstance(item, msgspec.Meta))
        most = f" to {bounds.le}" if bounds.le is not None else " or more"
        return f"{_type(arguments[0])}, {bounds.ge}{most}"
    if type(None) in arguments:
        return _type(arguments[0])
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"table: {_type(arguments[0])} to {_type(arguments[1])}"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return ", ".join(f'`"{member.value}"`' for member in hint)
    assert isinstance(hint, type)
    return _TYPES[hint]


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "needed"
    if field.default is msgspec.NODEFAULT or field.default in (None, "", ()):
        return "none"
    return markdown.code(msgspec.json.encode(field.default).decode())
