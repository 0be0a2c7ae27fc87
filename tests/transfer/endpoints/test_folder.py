"""A folder as a source: its faults, and nothing outside of it."""

from __future__ import annotations

import asyncio
import errno
import io
import threading
from pathlib import Path

import pytest

from dlcore.errors import Fault, TransferError
from dlcore.model import object_key
from dlcore.transfer.endpoints import folder as reading
from dlcore.transfer.endpoints.folder import FolderEndpoint
from dlcore.transfer.policy import TransferPolicy
from tests.transfer.packages import Package
from tests.transfer.sinks import Collector


@pytest.fixture
def folder(package: Package, tmp_path: Path) -> Path:
    return package.publish(tmp_path / "published")


async def fault_of_reading(package: Package, folder: Path) -> Fault:
    placement = await FolderEndpoint("share", folder).locate(package.manifest)
    with pytest.raises(TransferError) as caught:
        await placement.read_range(0, 0, 100, Collector(100))
    assert caught.value.endpoint == "share"
    return caught.value.fault


@pytest.mark.parametrize("change", ["longer", "shorter"])
async def test_an_object_of_another_length_is_a_range_fault(
    package: Package, folder: Path, change: str
) -> None:
    """Fault X4: an object has another length than the manifest says. dlcore refuses it before it
    reads.
    """
    path = folder / object_key(package.manifest.objects[0].name)
    data = path.read_bytes()
    path.write_bytes(data + b"!" if change == "longer" else data[:-1])
    assert await fault_of_reading(package, folder) is Fault.RANGE


@pytest.mark.parametrize("got_bytes", [0, 30])
async def test_an_object_that_is_cut_while_it_is_read_names_the_byte(
    package: Package, folder: Path, monkeypatch: pytest.MonkeyPatch, got_bytes: int
) -> None:
    """Fault X4: an object is cut short between the look at its length and the read. dlcore drops
    what came.
    """
    length_bytes = package.manifest.objects[0].length_bytes

    class Cut(io.BytesIO):
        def seek(self, offset: int, whence: int = 0) -> int:
            return length_bytes if whence == 2 else offset

    monkeypatch.setattr(reading, "open_plain", lambda *_, **__: Cut(bytes(got_bytes)))
    placement = await FolderEndpoint("share", folder).locate(package.manifest)
    sink = Collector(100)
    with pytest.raises(TransferError, match=f"ended at byte {100 + got_bytes}$") as caught:
        await placement.read_range(0, 100, 200, sink)
    assert caught.value.fault is Fault.TRUNCATED
    assert not sink.received


async def test_a_folder_in_place_of_an_object_is_not_found(package: Package, folder: Path) -> None:
    path = folder / object_key(package.manifest.objects[0].name)
    path.unlink()
    path.mkdir()
    assert await fault_of_reading(package, folder) is Fault.NOT_FOUND


async def test_a_folder_that_is_not_there_is_not_found(package: Package, tmp_path: Path) -> None:
    assert await fault_of_reading(package, tmp_path / "gone") is Fault.NOT_FOUND


@pytest.mark.parametrize("key", ["../secret", "/etc/passwd", "objects/../../secret", "a\\b", "\0"])
async def test_a_key_never_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    """Fault M1: a key leads out of an endpoint's folder. dlcore reads nothing there."""
    (tmp_path / "secret").write_text("x")
    (tmp_path / "published" / "objects").mkdir(parents=True)
    endpoint = FolderEndpoint("share", tmp_path / "published")
    with pytest.raises(TransferError) as caught:
        await endpoint.read_document(key, 100)
    assert caught.value.fault is Fault.REFUSED


async def test_a_share_that_hangs_is_a_stall(
    package: Package, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung = threading.Event()
    monkeypatch.setattr(reading, "open_plain", lambda *_, **__: hung.wait())
    placement = await FolderEndpoint("share", folder, policy=TransferPolicy(stall_s=0.02)).locate(
        package.manifest
    )
    with pytest.raises(TransferError) as caught:
        await placement.read_range(0, 0, 100, Collector(100))
    hung.set()
    assert caught.value.fault is Fault.STALL


def test_a_share_that_hangs_does_not_hold_up_the_end_of_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: a file share hangs. dlcore gives its read up and ends without it."""
    hung = threading.Event()
    monkeypatch.setattr(reading, "open_plain", lambda *_, **__: hung.wait())

    async def main() -> None:
        endpoint = FolderEndpoint("share", tmp_path, policy=TransferPolicy(stall_s=0.02))
        with pytest.raises(TransferError):
            await endpoint.read_document("catalog.json", 100)

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    thread.join(10.0)
    is_over = not thread.is_alive()
    hung.set()
    assert is_over


SHARES = {
    "the server is out of reach": (53, FileNotFoundError, Fault.CONNECT),
    "the share is not there": (67, FileNotFoundError, Fault.CONNECT),
    "the drive is not ready": (21, PermissionError, Fault.CONNECT),
    "the network failed": (59, OSError, Fault.CONNECT),
    "the name was deleted": (64, OSError, Fault.CONNECT),
    "the server did not answer in time": (121, OSError, Fault.CONNECT),
    "the network is out of reach": (1231, OSError, Fault.CONNECT),
    "the connection was aborted": (1236, OSError, Fault.CONNECT),
    "the password is wrong": (1326, OSError, Fault.AUTH),
    "the account is locked": (1909, OSError, Fault.AUTH),
    "access is denied": (5, PermissionError, Fault.AUTH),
    "another program has the file": (32, PermissionError, Fault.SERVER),
    "the folder is not there": (3, FileNotFoundError, Fault.NOT_FOUND),
}
"""What Windows says of the root of a share, and what Python makes of it."""


@pytest.mark.parametrize("name", SHARES)
async def test_a_share_that_is_out_of_reach_is_not_taken_for_a_missing_file(
    package: Package, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Fault: a share is out of reach, and Windows reports its files as missing. dlcore asks what is
    wrong with the share.
    """
    code, kind, fault = SHARES[name]

    def cannot_be_opened(*_: object, **__: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file")  # without the error of Windows

    def says_why(*_: object, **__: object) -> None:
        raise type(kind.__name__, (kind,), {"winerror": code})(errno.EINVAL, name)

    monkeypatch.setattr(reading, "open_plain", cannot_be_opened)
    monkeypatch.setattr(Path, "stat", says_why)
    assert await fault_of_reading(package, folder) is fault
