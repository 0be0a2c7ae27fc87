"""Writes task sequences in every form in which they are exported."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from hypothesis import settings

from dlcore.tasksequence import TaskSequence, read

LAW = settings(derandomize=True, deadline=None)
PREFIX = "SMS_TaskSequence_"


def element(tag: str, attributes: Mapping[str, str], *inside: str) -> str:
    quoted = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    return f"<{tag}{quoted}>{''.join(inside)}</{tag}>"


def variables(values: Mapping[str, str]) -> str:
    return "".join(element("variable", {"name": n}, escape(v)) for n, v in values.items())


def step(
    kind: str = "RunCommandLineAction",
    name: str = "Step",
    *,
    action: str = "",
    condition: str = "",
    parameters: Mapping[str, str] | None = None,
    **attributes: str,
) -> str:
    """A ``<step>``; a kind with an underscore is a whole type name."""
    return element(
        "step",
        {"type": kind if "_" in kind else PREFIX + kind, "name": name, **attributes},
        condition and element("condition", {}, condition),
        element("action", {}, escape(action)),
        element("defaultVarList", {}, variables(parameters or {})),
    )


def group(name: str, *inside: str, condition: str = "", **attributes: str) -> str:
    return element(
        "group",
        {"name": name, **attributes},
        condition and element("condition", {}, condition),
        *inside,
    )


def subsequence(child_id: str, name: str = "Run child", **attributes: str) -> str:
    return element(
        "subtasksequence",
        {"name": name, **attributes},
        element("defaultVarList", {}, variables({"OSDSubTasksequencePackageID": child_id})),
    )


def expression(kind: str, **parameters: str) -> str:
    return element(
        "expression", {"type": f"{PREFIX}{kind}ConditionExpression"}, variables(parameters)
    )


def when(variable: str, value: str = "", operator: str = "equals") -> str:
    return expression("Variable", Variable=variable, Operator=operator, Value=value)


def operator(kind: str, *operands: str) -> str:
    return element("operator", {"type": kind}, *operands)


def sequence(*inside: str, version: str = "3.10", references: str = "") -> str:
    return element(
        "sequence", {"version": version}, element("referenceList", {}, references), *inside
    )


def reference(package: str, program: str = "") -> str:
    return element("reference", {"package": package, "program": program})


def cim(text: str, package_id: str = "ABC00001", name: str = "Upgrade", boot: str = "") -> str:
    """An ``object.xml``, with the traps of real ones: qualifiers, and instances in instances."""
    qualifier = '<QUALIFIER NAME="CIMTYPE" TYPE="string"><VALUE>string</VALUE></QUALIFIER>'

    def entry(key: str, value: str) -> str:
        return f'<PROPERTY NAME="{key}" TYPE="string">{qualifier}<VALUE>{value}</VALUE></PROPERTY>'

    return (
        '<INSTANCE CLASSNAME="SMS_TaskSequencePackage">'
        '<PROPERTY NAME="__PATH" TYPE="string"></PROPERTY>'
        + entry("BootImageID", boot)
        + entry("Name", escape(name))
        + entry("PackageID", package_id)
        + '<PROPERTY.OBJECTARRAY NAME="References"><VALUE.OBJECTARRAY><VALUE.OBJECT>'
        '<INSTANCE CLASSNAME="SMS_TaskSequence_Reference">'
        + entry("PackageID", "XYZ99999")
        + "</INSTANCE></VALUE.OBJECT></VALUE.OBJECTARRAY></PROPERTY.OBJECTARRAY>"
        + entry("Sequence", f"<![CDATA[{text}\n]]>")
        + "</INSTANCE>"
    )


def of_2007(inside: str, package_id: str = "ABC00001", name: str = "Upgrade") -> str:
    return (
        f"<SmsTaskSequencePackage><BootImageID>ABC000B0</BootImageID><Name>{escape(name)}</Name>"
        f"<PackageID>{package_id}</PackageID><SequenceData>{inside}</SequenceData>"
        "</SmsTaskSequencePackage>"
    )


def export_zip(sequences: Mapping[str, str]) -> bytes:
    """An export: the task sequences by id, among the other documents that a real one holds."""
    return zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "Manifest.xml": "<Manifest/>",
            "SMS_Package/ABC00012/object.xml": '<INSTANCE CLASSNAME="SMS_Package"/>',
            **{
                f"SMS_TaskSequencePackage/{package_id}/object.xml": cim(text, package_id)
                for package_id, text in sequences.items()
            },
        }
    )


def zipped(entries: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def read_text(text: str, which: str | None = None) -> TaskSequence:
    return read(text.encode(), source="upgrade.xml", which=which)


def read_steps(*inside: str) -> TaskSequence:
    return read_text(sequence(*inside))
