"""A pytest plugin: leaves out all tests up to the one in ``DLCORE_TESTS_AFTER``, and that one.

The runner continues a room with it behind a test that hung or killed the interpreter.
"""

from __future__ import annotations

import os

import pytest

VARIABLE = "DLCORE_TESTS_AFTER"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    after = os.environ.get(VARIABLE, "")
    found = [at for at, item in enumerate(items) if item.nodeid == after]
    if found:
        config.hook.pytest_deselected(items=items[: found[0] + 1])
        del items[: found[0] + 1]
