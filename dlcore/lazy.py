"""Packages whose public names are imported when they are first used.

So one module of a package can be imported without all others: what a process does first need not
wait for what it does last. Not for names of modules: those are imported as ever.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def names(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """The ``__getattr__`` of a package.

    Args:
        package: Its full name.
        homes: Of each public name its module, relative to the package; ``module:name`` where it
            has another name there.
    """

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, attribute = homes[name].partition(":")
        found: object = getattr(import_module(f"{package}.{module}"), attribute or name)
        setattr(sys.modules[package], name, found)  # from now on without this
        return found

    return get
