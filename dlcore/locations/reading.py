"""Reads a document of a site, whatever its form.

Guarantees: at most `MAX_BYTES` are read. XML has no document type and no entity. An error repeats
nothing of a document, which may hold secrets.
"""

from __future__ import annotations

from typing import Final

from dlcore.errors import DocumentError, TaskSequenceError
from dlcore.hook.stand_in import VariablesInMemory
from dlcore.locations.environment_dump import (
    read_variables,
    variables_of_json,
    variables_of_lines,
    variables_of_xml,
)
from dlcore.locations.location_reply import REPLY, read_replies
from dlcore.locations.site_document import SiteDocument
from dlcore.tasksequence.markup import MAX_DOCUMENT_BYTES, decode, parse

MAX_BYTES: Final = MAX_DOCUMENT_BYTES
"""Of one document."""

_REMEDY: Final = (
    "Give the variables of a task sequence (NAME=VALUE, JSON or ts.env), or the XML of a"
    " ContentLocationReply, as UTF-8 or UTF-16."
)


def read_site_document(data: bytes, source: str) -> SiteDocument:
    """What a document tells of locations.

    Args:
        data: All of it.
        source: Its name, for messages.

    Raises:
        DocumentError: It has no form that is known, is too long, or is hostile.
    """
    if len(data) > MAX_BYTES:
        raise DocumentError(f"{source}: is longer than {MAX_BYTES >> 20} MiB", remedy=_REMEDY)
    try:
        text = decode(data, source).replace("\r\n", "\n").strip("\ufeff \t\r\n")
        if text.startswith("<"):
            return _read_xml(text, source)
    except TaskSequenceError as error:  # its remedy is about task sequences
        raise DocumentError(error.message, remedy=_REMEDY) from None
    return read_variables(_variables(text, source), source)


def _read_xml(text: str, source: str) -> SiteDocument:
    root = parse(text, source)
    if next(root.iter(REPLY), None) is not None:
        return read_replies(root, source)
    if root.tag == "MediaVarList":
        return read_variables(variables_of_xml(root), source)
    raise DocumentError(f"{source}: is XML of another kind", remedy=_REMEDY)


def _variables(text: str, source: str) -> VariablesInMemory:
    try:
        is_json = text.startswith(("{", "["))
        found = variables_of_json(text) if is_json else variables_of_lines(text)
    except ValueError as error:
        raise DocumentError(f"{source}: {error}", remedy=_REMEDY) from None
    if not found.names():
        raise DocumentError(f"{source}: has no variables", remedy=_REMEDY)
    return found
