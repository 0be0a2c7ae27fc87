"""Names that are imported when they are first used."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

PACKAGES = ["dlcore", "dlcore.manifest", "dlcore.schedule", "dlcore.transfer"]


@pytest.mark.parametrize("package", PACKAGES)
def test_everything_that_is_public_can_be_had(package: str) -> None:
    module = importlib.import_module(package)
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match=f"'{package}' has no attribute 'nonsense'"):
        _ = module.nonsense


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_is_imported_before_it_is_used(package: str) -> None:
    program = f"""
import sys
import {package} as package
before = set(sys.modules)
found = getattr(package, package.__all__[0])
assert set(sys.modules) - before, "imported when it is used"
assert vars(package)[package.__all__[0]] is found, "and then there"
"""
    subprocess.run([sys.executable, "-c", program], check=True)
