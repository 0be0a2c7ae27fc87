"""The task sequence as the agent is told it: without the passwords that its steps hold.

The agent keeps the document on disk and shows it to its clients. It is told to find packages, so a
value that is secret, or that its author hid, is left out. A secret that stands in the middle of a
command line cannot be told from other words, so all words that name no content are left out
(``dlcore.tasksequence.without_commands``).
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, tostring

from dlcore.hook.handed_variables import is_secret
from dlcore.tasksequence import Step, assignment, is_hidden
from dlcore.tasksequence.markup import parse
from dlcore.tasksequence.parameters import text_of, variables_in
from dlcore.tasksequence.variables import MASK, MIN_MASKED_CHARACTERS
from dlcore.tasksequence.without_commands import mask_commands

_VALUES = frozenset({"VARIABLEVALUE", "HIDDENVARIABLEVALUE", "VALUE"})
"""Parameters that hold the value which a step sets, or with which a condition compares."""


def without_secrets(document: str) -> str:
    """The same task sequence without secret values.

    Args:
        document: XML.

    Raises:
        TaskSequenceError: It is not well-formed, or hostile.
    """
    root = parse(document, "_SMSTSTaskSequence")
    secrets: list[Element] = []
    for element in root.iter():
        secrets += _secrets_of(element)
    values = sorted({text_of(each) for each in secrets}, key=len, reverse=True)
    for each in secrets:
        each.text = ""
    mask_commands(root)
    _mask(root, [value for value in values if len(value) >= MIN_MASKED_CHARACTERS])
    return tostring(root, encoding="unicode")


def _secrets_of(element: Element) -> Iterator[Element]:
    """The elements with a secret text among the parameters of a step, a condition or a sequence."""
    for each in element.iterfind("variable"):
        if any(is_secret(each.get(key, "").upper()) for key in ("name", "property")):
            yield each
    if element.tag == "step":
        action = element.find("action")
        step = Step(
            0,
            "",
            "",
            action="" if action is None else text_of(action),
            variables=variables_in(element.find("defaultVarList")),
        )
        if is_hidden(step) or is_secret(assignment(step)[0].upper()):
            yield from _values_in(element.find("defaultVarList"))
            if action is not None:
                yield action
    elif is_secret(variables_in(element).get("Variable", "").upper()):
        yield from _values_in(element)


def _values_in(holder: Element | None) -> Iterator[Element]:
    for each in () if holder is None else holder.iterfind("variable"):
        if each.get("name", "").upper() in _VALUES:
            yield each


def _mask(root: Element, values: list[str]) -> None:
    """Replace values wherever else they stand."""
    for element in root.iter():
        for value in values:
            if element.text and value in element.text:
                element.text = element.text.replace(value, MASK)
            for name, text in element.attrib.items():
                if value in text and name not in ("name", "type", "property"):
                    element.set(name, text.replace(value, MASK))
