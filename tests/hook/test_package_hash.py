"""The hash by which Windows judges a package, as far as it is known."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dlcore.hook.package_hash import package_hash, told_hash


def test_names_come_before_digests_and_folders_last(tmp_path: Path) -> None:
    root = tmp_path / "package"
    (root / "Sub").mkdir(parents=True)
    (root / "Sub" / "B.txt").write_bytes(b"two")
    (root / "A.txt").write_bytes(b"one")
    one, two = (hashlib.sha256(data).hexdigest().upper() for data in (b"one", b"two"))
    text = "sub" + "a.txt" + one + "sub\\b.txt" + two
    assert package_hash(root) == hashlib.sha256(text.encode("utf-16-le")).hexdigest().upper()


@pytest.mark.parametrize("value", ["ab" * 32, "2:" + "AB" * 32, f"SHA256:{'Ab' * 32};"])
def test_a_hash_is_found_in_any_form(value: str) -> None:
    assert told_hash(value) == "AB" * 32


@pytest.mark.parametrize("value", ["", "1", "AB" * 16, "AB" * 33, f"{'AB' * 32} {'CD' * 32}"])
def test_another_form_is_not_compared(value: str) -> None:
    assert told_hash(value) == ""
