"""A package on its way through the store."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from dlcore.errors import IntegrityError, InternalError, StorageError
from dlcore.model import BlockRange
from dlcore.store import Store
from tests.store.helpers import BLOCK_BYTES, fill, make_package, read_back

PACKAGE = make_package()
WHOLE = make_package(whole=True)


@pytest.mark.parametrize("package", [PACKAGE, WHOLE], ids=["blocks", "whole"])
def test_a_filled_package_is_found_with_exactly_its_files(tmp_path: Path, package) -> None:
    with Store.open(tmp_path / "state") as store:
        partial = store.begin(package.manifest, package.document)
        fill(partial, package)
        assert partial.complete
        content = partial.finish()
        assert store.find(package.digest, package.manifest) == content
        assert store.read_manifest("ABC00012", package.digest, 1) == package.document
    assert read_back(content) == package.contents
    assert (content / "empty/inner").is_dir()
    assert sorted(p.name for p in content.parent.iterdir()) == ["content", "manifest.json"]
