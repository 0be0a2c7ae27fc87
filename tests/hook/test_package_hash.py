"""The hash by which Windows judges a package, as a variable tells it."""

from __future__ import annotations

import pytest

from dlcore.hook.package_hash import hash_in


@pytest.mark.parametrize("value", ["ab" * 32, "2:" + "AB" * 32, f"SHA256:{'Ab' * 32};"])
def test_a_hash_is_found_in_any_form(value: str) -> None:
    assert hash_in(value) == "AB" * 32


@pytest.mark.parametrize("value", ["", "1", "AB" * 16, "AB" * 33, f"{'AB' * 32} {'CD' * 32}"])
def test_another_form_is_not_compared(value: str) -> None:
    assert hash_in(value) == ""
