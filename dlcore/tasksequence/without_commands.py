r"""A task sequence without the words of its command lines, which may hold passwords.

``net use \\server\share /user:x PASSWORD`` needs no package for its password. Of a command line
only what content can depend on is left: which programs it starts, which package ``smsswd.exe`` is
to run, and the switches that name packages. Every other word is masked.

Guarantees: the packages that steps need, the variables that they write, and so what is looked ahead
for, are the same as before. Values that steps set stay as they are: conditions may depend on them.
Not for documents that are run.
"""

from __future__ import annotations

import enum
import re
from typing import Final
from xml.etree.ElementTree import Element, tostring

from dlcore.errors import TaskSequenceError
from dlcore.package_ids import package_id
from dlcore.tasksequence.markup import parse
from dlcore.tasksequence.package_references import PACKAGE_RUNNERS, PROGRAM, SHELLS
from dlcore.tasksequence.parameters import text_of
from dlcore.tasksequence.step_types import SET_VARIABLE
from dlcore.tasksequence.variables import MASK

_COMMAND: Final = re.compile("COMMAND(LINE)?$")
_GIVEN: Final = re.compile("(ARGUMENTS?|PARAMETERS?|SCRIPT|SWITCHES|OPTIONS)$")
"""Ends of the names of parameters: a command line, and what is given to a program."""

_SWITCHES: Final = re.compile(
    r"/(?:run|pkg|image|install|config|sysprep|basevar):[^\s,\"]*", re.IGNORECASE
)
"""Those that `package_references` and ``step_types`` find packages by."""


class _Word(enum.Enum):
    """What stands at a place of a command line."""

    PROGRAM = enum.auto()
    SHELL = enum.auto()  # what a shell is given
    RUNNER = enum.auto()  # what smsswd.exe is given
    OTHER = enum.auto()


_INNER: Final = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?<sequence\b")


def without_commands(document: str, where: str) -> str:
    """The same task sequence without what its command lines are given.

    Args:
        document: XML, in any form that an export has.
        where: What to call it in errors.

    Raises:
        TaskSequenceError: It is not well-formed, or hostile.
    """
    root = parse(document, where)
    mask_commands(root)
    return tostring(root, encoding="unicode")


def mask_commands(root: Element) -> None:
    """As `without_commands`, for a document that was parsed; it is changed."""
    for element in root.iter():
        if element.tag == "step":
            _mask_step(element)
        elif element.text and _INNER.match(element.text):
            element.text = _quoted_sequence(element.text)


def _mask_step(step: Element) -> None:
    action, parameters = step.find("action"), step.find("defaultVarList")
    if action is not None and step.get("type") != SET_VARIABLE:  # that has its value there
        action.text = masked(text_of(action))
        for child in [*action]:
            action.remove(child)
    for each in () if parameters is None else parameters.iterfind("variable"):
        name, text = each.get("name", "").upper(), text_of(each)
        if text and _COMMAND.search(name):
            each.text = masked(text)
        elif text and _GIVEN.search(name) and package_id(text) is None:
            each.text = MASK


def masked(line: str) -> str:
    """A command line with `MASK` in the place of each word that content cannot depend on."""
    words: list[str] = []
    kind, rest = _Word.PROGRAM, line.strip()
    while rest and (found := PROGRAM.match(rest)):
        word, rest = rest[: found.start(3)].strip(), found[3]
        kept, kind = _kept(word, kind)
        if kept != MASK or words[-1:] != [MASK]:
            words.append(kept)
    left = " ".join(words)
    return line if left.split() == line.split() else left


def _kept(word: str, kind: _Word) -> tuple[str, _Word]:
    """What is left of a word, and what stands behind it."""
    if kind is _Word.PROGRAM:
        return word, _behind(word)
    if kind is _Word.SHELL and word[:2].lower() in ("/c", "/k"):
        return word, _Word.PROGRAM if len(word) == 2 else _behind(word[2:])
    if kind is _Word.RUNNER and word.lower().startswith("/run:"):
        return word, _Word.PROGRAM
    if switches := _SWITCHES.findall(word):
        return " ".join(switches), _Word.OTHER
    return "&" if re.search("[&|]", word) else MASK, _Word.OTHER


def _behind(program: str) -> _Word:
    name = re.split(r"[\\/]", program.strip('"'))[-1].lower()
    if name in SHELLS:
        return _Word.SHELL
    return _Word.RUNNER if name in PACKAGE_RUNNERS else _Word.OTHER


def _quoted_sequence(text: str) -> str:
    """A sequence that stands as text inside another document."""
    try:
        return without_commands(text, "the sequence inside the document")
    except TaskSequenceError:  # whoever reads the document says so
        return MASK
