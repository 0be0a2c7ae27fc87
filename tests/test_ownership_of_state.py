"""Each object owns its state: nobody assigns to another object's attributes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT = Path(__file__).parent.parent
PATHS = sorted((ROOT / "dlcore").rglob("*.py"))

# Attributes that other people's classes want to be set, by the library that they are from.
FOREIGN: Final = {
    "ctypes": {"argtypes", "restype", "_fields_"},
    "OSError": {"filename"},
    "exceptions": {"__traceback__", "__context__", "__cause__"},
    "ElementTree": {"text", "expat"},
    "logging": {"propagate"},
    "threading": {"daemon"},
    "ssl": {"minimum_version", "verify_mode", "verify_flags", "post_handshake_auth"},
    "sqlite3": {"text_factory"},
    "aiohttp": {"content_length"},
    "click": {"ctx", "param"},
    "python-tuf": {"expires", "version", "threshold"},
}
_FOREIGN: Final = frozenset().union(*FOREIGN.values())

EXCEPTIONS: Final = {
    "dlcore/store/inventory.py: found.missing_folders": "its own class makes the object there",
    "dlcore/transfer/endpoints/authorization.py: error.remedy": "only this layer knows the remedy",
    "dlcore/transfer/http/aiohttp_internals.py: self.handler._parser": "changes aiohttp's inside",
    "dlcore/transfer/http/aiohttp_internals.py: self.transport.max_size": "asyncio's inside",
    "dlcore/transfer/http/aiohttp_internals.py: handler.transport": "changes aiohttp's inside",
    "dlcore/transfer/http/proactor.py: self._transport._pending_data_length": "changes asyncio's",
    "dlcore/transfer/http/pac_process.py: interpreter._loader": "locks the interpreter in",
    "dlcore/transfer/http/pac_process.py: dukpy.JSInterpreter": "locks the interpreter in",
}


def assigned(tree: ast.Module) -> Iterator[ast.Attribute]:
    """The attributes that are assigned to, or deleted, of anything but ``self`` and ``cls``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            owner = node.value
            if not (isinstance(owner, ast.Name) and owner.id in {"self", "cls"}):
                yield node


def of_private_records(tree: ast.Module) -> set[str]:
    """The attributes of classes that only this file knows: their owner is what uses them here."""
    classes = [n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name.startswith("_")]
    nodes = [node for each in classes for node in ast.walk(each)]
    fields = [n.target for n in nodes if isinstance(n, ast.AnnAssign)]
    declared = {target.id for target in fields if isinstance(target, ast.Name)}
    return declared | {
        n.attr for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)
    }


def named(path: Path, node: ast.Attribute) -> str:
    return f"{path.relative_to(ROOT).as_posix()}: {ast.unparse(node)}"


def strange(path: Path) -> set[str]:
    """What a file assigns to that is not its own."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    ours = of_private_records(tree) | _FOREIGN
    return {named(path, node) for node in assigned(tree) if node.attr not in ours}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nobody_assigns_to_anothers_attributes(path: Path) -> None:
    assert strange(path) <= set(EXCEPTIONS)


def test_each_exception_is_needed() -> None:
    assert set().union(*map(strange, PATHS)) == set(EXCEPTIONS)
