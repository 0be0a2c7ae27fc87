"""One drive of a content library: what it holds, and that ranges and documents are exact."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.errors import Fault, TransferError
from dlcore.manifest import manifest_of_library
from dlcore.manifest.content_library import decode_content_file
from dlcore.model import EndpointKind, EndpointSettings, Manifest
from dlcore.transfer import Endpoint, open_endpoint
from tests.publish.library import PACKAGE_ID, file_of, ini, write_library
from tests.transfer.sinks import Collector

FILES = {"a": bytes(range(256)) * 20, "b": b"other", "c": b"third"}


def endpoint_of(root: Path) -> Endpoint:
    return open_endpoint(EndpointSettings("D", EndpointKind.CONTENT_LIBRARY, str(root)))


def manifest() -> Manifest:
    stated = {
        path: decode_content_file(ini(data).encode(), source="") for path, data in FILES.items()
    }
    return manifest_of_library(PACKAGE_ID, 3, stated, (), source="the test")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_library(tmp_path / "library", FILES)


async def test_ranges_are_exact(root: Path) -> None:
    endpoint = endpoint_of(root)
    assert (endpoint.name, endpoint.kind) == ("D", EndpointKind.CONTENT_LIBRARY)
    placement = await endpoint.locate(manifest())
    assert placement.held == {0, 1, 2}
    for start, end in ((0, 1), (5119, 5120), (100, 3000), (0, 5120)):
        sink = Collector(end - start)
        await placement.read_range(0, start, end, sink)
        assert sink.received == FILES["a"][start:end]


async def test_only_files_that_are_there_and_have_their_length_are_held(root: Path) -> None:
    file_of(root, FILES["b"]).unlink()
    file_of(root, FILES["c"]).write_bytes(b"third and more")
    placement = await endpoint_of(root).locate(manifest())
    assert placement.held == {0}


async def test_a_drive_without_any_of_the_files_says_so(root: Path) -> None:
    for data in FILES.values():
        file_of(root, data).unlink()
    with pytest.raises(TransferError) as caught:
        await endpoint_of(root).locate(manifest())
    assert caught.value.fault is Fault.NOT_FOUND


async def test_documents_are_its_ini_files_and_nothing_outside(root: Path) -> None:
    (root.parent / "outside").write_text("x")
    endpoint = endpoint_of(root)
    key = f"PkgLib/{PACKAGE_ID}.INI"
    assert await endpoint.read_document(key, 100) == (root / key).read_bytes()
    for key, fault in (("PkgLib/none.INI", Fault.NOT_FOUND), ("../outside", Fault.REFUSED)):
        with pytest.raises(TransferError) as caught:
            await endpoint.read_document(key, 100)
        assert caught.value.fault is fault
