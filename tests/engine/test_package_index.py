"""What is known of packages and their patches, and of where their objects are."""

from __future__ import annotations

from pathlib import Path

from dlcore.engine.download.package_index import PackageIndex
from dlcore.errors import TransferError
from dlcore.model import Catalog
from dlcore.transfer import Placement
from tests.engine.fakes import FakeEndpoint, package
from tests.engine.virtual_time import virtually


def test_the_objects_of_other_patches_are_located_anew(tmp_path: Path) -> None:
    """Fault: other patches of a package are wanted than before. dlcore asks where those are.

    The number of an object means another one there: what came would be wrong, and its endpoint
    blamed.
    """
    one, other = package("ABC00001"), package("ABC00001", {"a": 9000})

    async def main() -> None:
        endpoint = FakeEndpoint("a", {"ABC00001": one})
        package_index = PackageIndex(Catalog(1, {}), [endpoint], None)
        told: list[Placement | TransferError | None] = []
        for manifest in (one.manifest, one.manifest, other.manifest):
            await package_index.locate("p", manifest, lambda _, placement: told.append(placement))
        first, again, of_other = told
        assert first is again
        assert of_other is not first

    virtually(main())
