"""Finds task sequences in the documents that hold them.

Guarantees: every form in which ConfigMgr and MDT write a task sequence ends as one `Export`.

* a bare ``<sequence>`` (MDT's ``ts.xml``, ConfigMgr's own);
* ``<SmsTaskSequencePackage>`` (ConfigMgr 2007), with the sequence as XML or as text;
* CIM-XML ``<INSTANCE CLASSNAME="SMS_TaskSequencePackage">`` (``object.xml`` of later versions),
  with the sequence as text, alone or inside other elements;
* a zip file that holds one of these per task sequence.

Source: exports published by Microsoft and by users; CIM-XML is DMTF DSP0201.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element

from dlcore.errors import TaskSequenceError
from dlcore.tasksequence.archive import is_archive, read_documents
from dlcore.tasksequence.markup import parse

_CIM_CLASS = "SMS_TaskSequencePackage"


class Export(NamedTuple):
    """One task sequence as it was found.

    Attributes:
        package_id: Upper case; empty if not told.
        name: Empty if not told.
        boot_image_id: Empty if there is none.
        sequence: The ``<sequence>`` element.
        where: What to call it in errors.
    """

    package_id: str
    name: str
    boot_image_id: str
    sequence: Element
    where: str


def exports_in(data: bytes, where: str) -> list[Export]:
    """All task sequences of one file, in its order.

    Raises:
        TaskSequenceError: The file is hostile or malformed, or holds none.
    """
    if is_archive(data):
        found = [
            export._replace(package_id=export.package_id or document.package_id)
            for document in read_documents(data, where)
            for export in _exports_of(document.data, f"{where}!{document.name}")
        ]
    else:
        found = _exports_of(data, where)
    if not found:
        raise TaskSequenceError(
            f"{where}: holds no task sequence",
            remedy="Give an exported task sequence: a zip file, its object.xml or its <sequence>.",
        )
    return found


def _exports_of(document: bytes, where: str) -> list[Export]:
    root = parse(document, where)
    if root.tag == "sequence":
        return [Export("", root.get("name", ""), "", root, where)]
    found = [_from_2007(element, where) for element in root.iter("SmsTaskSequencePackage")]
    found += [
        _from_cim(element, where)
        for element in root.iter("INSTANCE")
        if element.get("CLASSNAME") == _CIM_CLASS
    ]
    return found


def _from_2007(element: Element, where: str) -> Export:
    holder = element.find("SequenceData")
    if holder is None:
        raise TaskSequenceError(f"{where}: <SmsTaskSequencePackage> has no <SequenceData>")
    inner = holder.find("sequence")
    return Export(
        (element.findtext("PackageID") or "").strip().upper(),
        element.findtext("Name") or "",
        (element.findtext("BootImageID") or "").strip().upper(),
        _quoted(holder.text or "", f"{where}!SequenceData") if inner is None else inner,
        where,
    )


def _from_cim(instance: Element, where: str) -> Export:
    values = dict(_properties(instance))
    return Export(
        values.get("PackageID", "").strip().upper(),
        values.get("Name", ""),
        values.get("BootImageID", "").strip().upper(),
        _quoted(values.get("Sequence", ""), f"{where}!Sequence"),
        where,
    )


def _properties(instance: Element) -> Iterator[tuple[str, str]]:
    for item in instance.iterfind("PROPERTY"):
        yield item.get("NAME", ""), item.findtext("VALUE") or ""


def _quoted(text: str, where: str) -> Element:
    if not text.strip():
        raise TaskSequenceError(f"{where}: is empty", remedy="Export the task sequence again.")
    root = parse(text, where)
    if root.tag != "sequence":
        raise TaskSequenceError(f"{where}: <{root.tag[:60]}> where <sequence> belongs")
    return root
