"""The page about the library: everything that can be imported from ``dlcore``."""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Callable, Collection

import griffe
import msgspec

import dlcore
from dlcore import sync
from tests.docs.reference import markdown
from tests.docs.reference.docstrings import arguments, attributes, members_of, sections, summary

_INTRODUCTION = """\
Everything that can be imported from `dlcore`. [The guide](../library.md) has examples;
[events](../events.md) and [errors](errors.md) have pages of their own. Names that are not listed
are internal."""
_SYNC = """\
`dlcore.sync` has the functions and methods of this page that are coroutines under the same names
and with the same arguments. They block: leave out `await` and write `with` and `for` in place of
`async with` and `async for`. It exports:"""
FAULTS = {"Fault", "RunStateFault", "TrustFault"}
"""They are on the page about errors."""


def internal() -> dict[str, set[str]]:
    """Members of public classes that are not public themselves, as the package's docstring says."""
    found: dict[str, set[str]] = {}
    told = (dlcore.__doc__ or "").partition(" are internal too")[0].rpartition("\n\n")[2]
    owner = ""
    for name in re.findall(r"`([\w.]+)`", told):
        before, _, member = name.rpartition(".")
        owner = before or owner
        found.setdefault(owner, set()).add(member)
    return found


def page() -> str:
    """The whole page."""
    public = {name: getattr(dlcore, name) for name in sorted(dlcore.__all__, key=str.lower)}
    groups: dict[str, dict[str, object]] = {
        "Functions": {n: t for n, t in public.items() if inspect.isfunction(t)},
        "Classes": {n: t for n, t in public.items() if inspect.isclass(t) and _is_plain(t)},
        "Data": {n: t for n, t in public.items() if inspect.isclass(t) and _is_data(t)},
        "Enumerations": {n: t for n, t in public.items() if _is_enumeration(t) and n not in FAULTS},
    }
    return markdown.page(
        "# The library",
        f"{_INTRODUCTION} {markdown.GENERATED}",
        *(
            markdown.page(f"## {group}", *(_entry(name, thing) for name, thing in things.items()))
            for group, things in groups.items()
        ),
        f"## Without asyncio\n{_SYNC} {', '.join(f'`{name}`' for name in sorted(sync.__all__))}.",
    )


class _Shown:
    """A function as a default, without its address."""

    def __init__(self, function: Callable[..., object]) -> None:
        name = getattr(function, "__name__", "...")
        self._name = name if name.isidentifier() else "..."

    def __repr__(self) -> str:
        return self._name


def _is_data(kind: type) -> bool:
    own_page = issubclass(kind, dlcore.Event)
    return not own_page and (issubclass(kind, msgspec.Struct) or hasattr(kind, "_fields"))


def _is_enumeration(thing: object) -> bool:
    return inspect.isclass(thing) and issubclass(thing, enum.Enum)


def _is_plain(kind: type) -> bool:
    own_page = issubclass(kind, dlcore.Event | dlcore.DlcoreError)
    return not (own_page or _is_data(kind) or _is_enumeration(kind))


def _entry(name: str, thing: object) -> str:
    parts = [f"### {name}", _signature(name, thing)]
    if isinstance(thing, type) and issubclass(thing, enum.Enum):
        return markdown.page(parts[0], summary(thing), members_of(thing)).rstrip()
    if isinstance(thing, type) and _is_data(thing):
        return markdown.page(
            parts[0], summary(thing), _fields(thing), _methods(name, thing)
        ).rstrip()
    methods = _methods(name, thing) if isinstance(thing, type) else ""
    return markdown.page(*parts, _body(thing, internal().get(name, set())), methods).rstrip()


def _body(thing: object, internal: Collection[str] = ()) -> str:
    told = {n: t for n, t in attributes(thing).items() if n not in internal}
    return markdown.page(
        summary(thing),
        arguments(thing, head="Argument"),
        _returned(thing),
        markdown.table(["Raises", "When"], _raised(thing)),
        markdown.table(
            ["Attribute", "Meaning"], ([f"`{n}`", markdown.cell(t)] for n, t in told.items())
        ),
    ).rstrip()


def _returned(thing: object) -> str:
    texts = [
        item.description
        for section in sections(thing)
        if isinstance(section, griffe.DocstringSectionReturns | griffe.DocstringSectionYields)
        for item in section.value
    ]
    return f"**Returns** {' '.join(markdown.prose(text) for text in texts)}" if texts else ""


def _raised(thing: object) -> list[list[str]]:
    return [
        [f"`{item.annotation}`", markdown.cell(item.description)]
        for section in sections(thing)
        if isinstance(section, griffe.DocstringSectionRaises)
        for item in section.value
    ]


def _fields(kind: type) -> str:
    told = attributes(kind)
    rows = []
    for name, parameter in inspect.signature(kind).parameters.items():
        default = "" if parameter.default is parameter.empty else _short(repr(parameter.default))
        rows.append(
            [f"`{name}`", _type(parameter.annotation), default, markdown.cell(told.get(name, ""))]
        )
    return markdown.table(["Attribute", "Type", "Default", "Meaning"], rows)


def _methods(name: str, kind: type) -> str:
    found = []
    for method, thing in vars(kind).items():
        inner = getattr(thing, "__func__", getattr(thing, "fget", thing))
        is_documented = inspect.isfunction(inner) and inspect.getdoc(inner)
        if method.startswith("_") or method in internal().get(name, set()) or not is_documented:
            continue
        shown = "" if isinstance(thing, property) else _signature(f"{name}.{method}", inner)
        found.append(markdown.page(f"#### {name}.{method}", shown, _body(inner)).rstrip())
    return markdown.page(*found).rstrip()


def _signature(name: str, thing: object) -> str:
    """How it is called, as a block that is not an example."""
    if not callable(thing) or getattr(thing, "_is_protocol", False):
        return ""
    signature = inspect.signature(thing)
    parameters = [
        parameter.replace(default=_Shown(parameter.default))
        if callable(parameter.default) and parameter.default is not parameter.empty
        else parameter
        for name, parameter in signature.parameters.items()
        if name not in {"self", "cls"}
    ]
    signature = signature.replace(parameters=parameters)
    if isinstance(thing, type):
        signature = signature.replace(return_annotation=inspect.Signature.empty)
    before = "await " if inspect.iscoroutinefunction(thing) else ""
    return f"`{before}{name}{_plain(str(signature))}`"


def _type(annotation: object) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return markdown.code(_plain(text))


def _plain(text: str) -> str:
    """Without the quotation marks of annotations, and without the names of modules."""
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)
    text = re.sub(r"<(\w+\.\w+): [^>]*>", r"\1", text)  # the member of an enumeration
    return re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])", "", text)


def _short(text: str) -> str:
    return markdown.code(_plain(text)) if len(text) <= 40 else "see there"
