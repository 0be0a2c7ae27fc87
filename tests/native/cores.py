"""Runs a test with each core, and with each SHA-256 backend of each core."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dlcore.native import portable
from dlcore.native.choice import load_compiled
from dlcore.native.interface import Core

COMPILED = load_compiled()
CORES: list[Core] = [portable] if COMPILED is None else [COMPILED, portable]
needs_compiled = pytest.mark.skipif(COMPILED is None, reason="the extension is not built")

_missing = [pytest.param(None, id="compiled", marks=needs_compiled)] if COMPILED is None else []
each_core = pytest.mark.parametrize(
    "core", [*_missing, *(pytest.param(core, id=core.NAME) for core in CORES)]
)
each_backend = pytest.mark.parametrize(
    ("core", "backend"),
    [
        pytest.param(core, backend, id=f"{core.NAME}-{backend}")
        for core in CORES
        for backend in core.backends()
    ],
)


@contextmanager
def using(core: Core, backend: str) -> Iterator[None]:
    before = core.backend()
    core.use_backend(backend)
    try:
        yield
    finally:
        core.use_backend(before)
