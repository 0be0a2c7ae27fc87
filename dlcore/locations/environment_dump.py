"""What the variables of a task sequence tell of where its content lies.

The variables come from a running task sequence: as lines ``NAME=VALUE``, as JSON, or as the
``ts.env`` of media. Which of them tell something is observed, and documented nowhere: the URLs of a
package in ``_SMSTSHTTP<id>`` and ``_SMSTSHTTPS<id>``, separated by commas; its version and hash as
the downloader hook reads them.

Guarantees: of a variable that holds a secret, only the name is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar
from xml.etree.ElementTree import Element

from dlcore.hook.environment import TaskSequenceEnvironment
from dlcore.hook.handed_variables import is_secret
from dlcore.hook.stand_in import VariablesInMemory
from dlcore.hook.stated_package import stated_content_hash, stated_version
from dlcore.locations.located_content import located_content
from dlcore.locations.site_document import Location, Package, SiteDocument
from dlcore.package_ids import package_id
from dlcore.printable import printable

TOKEN_OF_DISTRIBUTION_POINTS: Final = "_SMSTSDPAuthToken"  # noqa: S105  # the name of a variable

_PREFIXES: Final = ("_SMSTSHTTPS", "_SMSTSHTTP")  # https first: it is the better way
V = TypeVar("V")
_LINE = re.compile(r"[ \t]*([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*(.*)", re.ASCII)


def variables_of_lines(text: str) -> VariablesInMemory:
    """The variables in lines ``NAME=VALUE``; other lines continue a value, and are passed over."""
    found = filter(None, map(_LINE.fullmatch, text.split("\n")))
    return VariablesInMemory({line[1]: line[2].strip() for line in found})


def variables_of_json(text: str) -> VariablesInMemory:
    """The variables in a JSON object, or in a list of objects with ``Name`` and ``Value``.

    Raises:
        ValueError: It is neither, or has a name twice. The text repeats nothing of the document.
    """
    try:
        found = json.loads(text, object_pairs_hook=_object)
    except _TwiceError:
        raise
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    pairs = _pairs(found if isinstance(found, list) else [found])
    texts = [(name, value) for name, value in pairs if isinstance(value, str)]
    return VariablesInMemory(_object(texts))


def variables_of_xml(root: Element) -> VariablesInMemory:
    """The variables in ``<MediaVarList><var name="...">``, the form of ``ts.env``."""
    return VariablesInMemory({each.get("name", ""): each.text or "" for each in root.iter("var")})


def read_variables(variables: TaskSequenceEnvironment, source: str) -> SiteDocument:
    """What variables tell.

    Args:
        variables: Of one task sequence.
        source: Where they come from, for messages.
    """
    locations: list[Location] = []
    notes: list[str] = []
    packages: dict[str, Package] = {}
    named = tuple(_names_of_locations(variables.names()))
    for name, content in named:
        packages[content] = Package(
            content, stated_version(variables, content), stated_content_hash(variables, content)
        )
        for url in filter(None, map(str.strip, variables.get(name).split(","))):
            try:
                locations.append(_location(url, content))
            except ValueError as error:
                notes.append(f"{source}: a location in {printable(name)} is left out: {error}")
    others = set(variables.names()) - {name for name, _ in named}  # an id may look like PWD00012
    secrets = sorted(name for name in others if is_secret(name.upper()))
    return SiteDocument(
        source, tuple(locations), tuple(packages.values()), tuple(secrets), tuple(notes)
    )


class _TwiceError(ValueError):
    """Nobody knows which of two values counts."""


def _object(pairs: list[tuple[str, V]]) -> dict[str, V]:
    """The pairs by name; task sequence variables are the same in upper and lower case."""
    if len({name.upper() for name, _ in pairs}) < len(pairs):
        raise _TwiceError("it has the same name twice, and nobody knows which value counts")
    return dict(pairs)


def _pairs(found: list[object]) -> Iterator[tuple[str, object]]:
    for each in found:
        if not isinstance(each, dict):
            raise ValueError("it is neither an object of texts nor a list of names and values")
        small = {key.lower(): value for key, value in each.items()}
        if small.keys() >= {"name", "value"} and isinstance(small["name"], str):
            yield small["name"], small["value"]
        else:
            yield from each.items()


def _names_of_locations(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Variables with locations, and the package of each; those with https first."""
    given = tuple(names)
    for prefix in _PREFIXES:
        for name in given:
            if name.upper().startswith(prefix) and (content := package_id(name[len(prefix) :])):
                yield name, content


def _location(url: str, content: str) -> Location:
    located = located_content(url)
    if located.content != content:
        raise ValueError("it is that of another content")
    return Location(content, located.url, located.kind, located.access)
