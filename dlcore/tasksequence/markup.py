"""Reads XML from untrusted sources.

Guarantees: no DTD, no entity, no external reference, no document over `MAX_DOCUMENT_BYTES`,
no more than `MAX_ELEMENTS` elements, none nested deeper than `MAX_DEPTH`; every refusal is a
`TaskSequenceError` that names the document and the line. What was accepted can be walked
recursively. The encoding is taken from the bytes: an XML declaration that says otherwise, as texts
saved by another program often have, is not believed.

Names come without namespaces. Not for documents that need DTDs.
"""

from __future__ import annotations

import codecs
import re
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from dlcore.errors import TaskSequenceError

MAX_DOCUMENT_BYTES = 16 << 20  # the largest sequence ConfigMgr keeps is 2 MB
MAX_ELEMENTS = 500_000
MAX_DEPTH = 100
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_SINGLE_BYTE = {"windows-1252", "iso-8859-1", "iso-8859-15", "windows-1250", "windows-1251"}


def parse(document: bytes | str, where: str) -> Element:
    """Read one document.

    Args:
        document: Its bytes, or its text if it was quoted inside another document.
        where: What to call it in errors.

    Raises:
        TaskSequenceError: It is not well-formed, or hostile. Its author's fault.
    """
    if len(document) > MAX_DOCUMENT_BYTES:
        raise TaskSequenceError(
            f"{where}: over {MAX_DOCUMENT_BYTES >> 20} MiB of XML",
            remedy="Export the task sequence without content.",
        )
    text = document if isinstance(document, str) else decode(document, where)
    from defusedxml.common import DefusedXmlException  # needed only once something is read
    from defusedxml.ElementTree import DefusedXMLParser

    builder = _Builder(where)
    parser = DefusedXMLParser(target=builder, forbid_dtd=True)
    builder.expat = parser.parser
    try:
        parser.feed(text.strip("\ufeff \t\r\n"))
        root = parser.close()
    except DefusedXmlException:
        raise TaskSequenceError(
            f"{where}: line {builder.line}: declares a document type or an entity",
            remedy="Task sequences need neither: remove the declaration, or do not trust the file.",
        ) from None
    except (ParseError, ValueError, LookupError) as error:
        raise TaskSequenceError(
            f"{where}: not well-formed XML: {error}", remedy="Export the task sequence again."
        ) from None
    assert isinstance(root, Element)
    return root


def decode(data: bytes, where: str) -> str:
    """The text of a document, by its byte order mark, or else by its first bytes.

    Raises:
        TaskSequenceError: The bytes are not text in any encoding that task sequences come in.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _strictly(data[len(mark) :], encoding, where)
    if data[1:2] == b"\0":  # XML begins with ASCII, so a zero byte tells width and order
        return _strictly(data, "utf-16-le", where)
    if data[:1] == b"\0":
        return _strictly(data, "utf-16-be", where)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        declared = _DECLARED.match(data[:200])
        name = declared[1].decode("ascii").lower() if declared else "utf-8"
        return _strictly(data, name if name in _SINGLE_BYTE else "utf-8", where)


def _strictly(data: bytes, encoding: str, where: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise TaskSequenceError(
            f"{where}: byte {error.start} is not {encoding}",
            remedy="Save the file as UTF-8 or UTF-16.",
        ) from None


class _Builder(TreeBuilder):
    """Builds elements and counts them."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.expat: Any = None  # expat's parser object has no public type
        self._where = where
        self._depth = 0
        self._elements = 0

    @property
    def line(self) -> int:
        """Where the parser is."""
        return int(self.expat.CurrentLineNumber)

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        self._elements += 1
        if self._depth > MAX_DEPTH or self._elements > MAX_ELEMENTS:
            limit = (
                f"elements nested over {MAX_DEPTH} deep"
                if self._depth > MAX_DEPTH
                else f"over {MAX_ELEMENTS} elements"
            )
            raise TaskSequenceError(
                f"{self._where}: line {self.line}: {limit}",
                remedy="No task sequence needs that many: do not trust the file.",
            )
        return super().start(tag.rpartition("}")[2], attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)
