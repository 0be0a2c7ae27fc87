"""Runs a test with each SHA-256 backend that this CPU offers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dlcore_ext import _blocks

each_backend = pytest.mark.parametrize("backend", _blocks.backends())


@contextmanager
def using(backend: str) -> Iterator[None]:
    before = _blocks.backend()
    _blocks.use_backend(backend)
    try:
        yield
    finally:
        _blocks.use_backend(before)
