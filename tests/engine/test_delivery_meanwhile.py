"""What becomes of a delivery if somebody changes its place while a package arrives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.delivery.own_folder import OwnFolder
from dlcore.engine.delivery.target import Disk, Look
from dlcore.errors import ConfigError
from dlcore.store import Store
from tests.engine.deliveries import V1, V2, Memory, bring, neighbours, put, write
from tests.store.helpers import BLOCK_BYTES, Package, read_back


class Meanwhile(Memory):
    """A source during which something else happens."""

    def __init__(self, package: Package, happens: Callable[[], object]) -> None:
        super().__init__(package)
        self._happens = happens

    async def fill(self, store: Store, look: Look) -> None:
        await super().fill(store, look)
        self._happens()


@pytest.mark.parametrize(
    ("name", "data"),
    [("late.txt", b"mine"), ("shared.bin", b"edited"), ("setup.exe", b"x" * 3 * BLOCK_BYTES)],
)
def test_what_the_user_does_in_the_folder_while_a_package_arrives_is_not_replaced(
    folder: Path, records: Path, name: str, data: bytes
) -> None:
    """Fault: a file is made or altered in the folder while the package arrives. dlcore names it,
    and replaces nothing.
    """
    put(V1, folder, records)
    source = Meanwhile(V2, lambda: write(folder, {name: data}))
    with pytest.raises(ConfigError, match=f"was altered while .*{name}"):
        bring(OwnFolder(folder, Deliveries(records)), V2, source)
    assert read_back(folder) == {**V1.contents, name: data}
    assert neighbours(folder) == ["to"]


def test_a_file_with_a_name_of_the_package_that_is_made_while_it_arrives_is_not_replaced(
    folder: Path, records: Path
) -> None:
    """Fault: the folder is made with a file of the user's while the package arrives. dlcore names
    it, and the next call refuses it too.
    """
    source = Meanwhile(V2, lambda: write(folder, {"setup.exe": b"mine"}))
    with pytest.raises(ConfigError, match=r"was altered while .*setup\.exe"):
        bring(OwnFolder(folder, Deliveries(records)), V2, source)
    with pytest.raises(ConfigError, match=r"dlcore did not put them there: setup\.exe"):
        put(V2, folder, records)
    assert read_back(folder) == {"setup.exe": b"mine"}


def test_a_file_that_takes_the_folders_name_while_a_package_arrives_is_not_replaced(
    folder: Path, records: Path
) -> None:
    """Fault: a file takes the name of the folder while the package arrives. dlcore leaves it there,
    and the package comes once it is gone.
    """
    source = Meanwhile(V2, lambda: folder.write_bytes(b"mine"))
    with pytest.raises(ConfigError, match="it is not a folder any more"):
        bring(OwnFolder(folder, Deliveries(records)), V2, source)
    assert folder.read_bytes() == b"mine"
    folder.unlink()
    put(V2, folder, records)
    assert read_back(folder) == V2.contents
    assert neighbours(folder) == ["to"]


def test_an_empty_folder_that_is_made_while_a_package_arrives_becomes_the_package(
    folder: Path, records: Path
) -> None:
    bring(OwnFolder(folder, Deliveries(records)), V2, Meanwhile(V2, folder.mkdir))
    assert read_back(folder) == V2.contents


@pytest.mark.parametrize("swaps", [True, False])
def test_what_comes_into_the_folder_while_it_is_replaced_stays_there(
    folder: Path, records: Path, swaps: bool
) -> None:
    """Fault: a file is made in the folder in the moment in which it is replaced. dlcore takes the
    exchange back.
    """
    put(V1, folder, records)

    class Late(Disk):
        def exchange(self, first: Path, second: Path) -> bool:
            write(second, {"late.txt": b"mine"})
            return swaps and super().exchange(first, second)

    with pytest.raises(ConfigError, match=r"was altered while .*late\.txt"):
        put(V2, folder, records, Late())
    assert read_back(folder) == {**V1.contents, "late.txt": b"mine"}
    (folder / "late.txt").unlink()
    put(V2, folder, records)
    assert read_back(folder) == V2.contents
    assert neighbours(folder) == ["to"]


def test_what_came_into_the_folder_after_it_was_replaced_is_kept(
    folder: Path, records: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault: a program that is still in the replaced folder makes a file there. dlcore keeps it,
    says where, and refuses to deliver until it is moved away.
    """
    put(V1, folder, records)
    kept = folder.parent / ".to.dlcore"

    class Late(Disk):
        def move_to_free_name(self, source: Path, target: Path) -> None:
            super().move_to_free_name(source, target)
            if (kept / "replaced").exists() and (folder / "new").exists():  # V2 is in place
                write(kept / "replaced", {"late.txt": b"mine"})

    put(V2, folder, records, Late())
    assert read_back(folder) == V2.contents
    assert (kept / "replaced" / "late.txt").read_bytes() == b"mine"
    assert "late.txt" in caplog.text
    (folder / "setup.exe").write_bytes(b"damaged")
    with pytest.raises(ConfigError, match=r"late\.txt"):
        put(V2, folder, records)
    (kept / "replaced" / "late.txt").unlink()
    put(V2, folder, records)
    assert read_back(folder) == V2.contents
    assert neighbours(folder) == ["to"]
