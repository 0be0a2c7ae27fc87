"""A package from a distribution point, of which only the package content hash is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.engine.download.retry import Retry
from dlcore.engine.events import Event, FetchEnded, PackageTruth, Progress
from dlcore.engine.fetching.fetch import fetch
from dlcore.engine.fetching.fetch_into import Fetched
from dlcore.errors import (
    ConfigError,
    ContentNotFoundError,
    DlcoreError,
    IntegrityError,
    ManifestError,
    NotFoundError,
)
from dlcore.long_path import long_path
from dlcore.manifest import content_hash
from dlcore.model import EndpointKind, EndpointSettings
from dlcore.store import folder_digests
from dlcore.store.unproven import PIECE_BYTES
from tests.library_points import FOLDER, LARGE, TREE, Asked, point, serving_point
from tests.publish.helpers import write_tree
from tests.publish.library import PACKAGE_ID, file_of, ini, write_library

APPLICATION = "Content_4f1d9a3e-0c52-4b0a-9d55-6d1c5b0e7a11.2"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return write_library(long_path(tmp_path / "SCCMContentLib"), TREE, versions=(3, 11))


@pytest.fixture
def told(tmp_path: Path) -> str:
    return content_hash(folder_digests(write_tree(tmp_path / "plain", TREE)))


async def fetched(
    library: Path,
    told: str,
    what: str = PACKAGE_ID,
    *,
    asked: Asked | None = None,
    has_library: bool = False,
    events: list[Event] | None = None,
) -> Fetched:
    server = point(library)
    asked = asked or Asked()
    if not has_library:
        asked.refused += ("/Datalib", "/FileLib")
    async with serving_point(server, asked) as url:
        return await fetch(
            what,
            to=library.parent / "to",
            endpoints=[EndpointSettings("dp1", EndpointKind.DP, url)],
            deliveries=library.parent / "records",
            content_hash=told,
            retry=Retry(0),
            on_event=events.append if events is not None else None,
        )


async def refused(kind: type[DlcoreError], library: Path, told: str) -> DlcoreError:
    with pytest.raises(kind) as caught:
        await fetched(library, told)
    assert not (library.parent / "to").exists(), "nothing may be delivered"
    return caught.value


def tree_at(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if path.is_file() or not any(path.iterdir())
    }


def state_at(library: Path) -> Path:
    return library.parent / ".to.dlcore"


async def test_a_package_is_fetched_by_its_hash_alone(library: Path, told: str) -> None:
    asked = Asked()
    events: list[Event] = []
    found = await fetched(library, told, asked=asked, events=events)
    assert tree_at(library.parent / "to") == TREE
    assert (found.truth, found.stated_hash, found.version) == ("content-hash", "equal", None)
    assert (found.package, found.truth.known) == (PACKAGE_ID, "at-the-end")
    assert PackageTruth(PACKAGE_ID, "content-hash", "at-the-end", told) in events
    assert found.endpoints == {"dp1": found.content_bytes}
    assert not state_at(library).exists()
    asked.requests.clear()
    again = await fetched(library, told, asked=asked)
    assert (again.bytes_fetched, again.truth) == (0, "content-hash")
    assert not [line for line in asked.requests if line.startswith("GET") and "sccm?" in line]


async def test_request_filtering_does_not_see_what_comes_after_the_mark(
    library: Path, told: str
) -> None:
    """Fault: IIS refuses names that end in .config. dlcore asks for them behind ``sccm?/``."""
    server = point(library, hidden_endings=(".config", ".ini"))
    async with serving_point(server) as url:
        await fetch(
            PACKAGE_ID,
            to=library.parent / "to",
            endpoints=[f"dp+{url}"],
            deliveries=library.parent / "records",
            content_hash=told,
        )
    assert tree_at(library.parent / "to") == TREE


async def test_the_content_of_an_application(library: Path, told: str) -> None:
    (library / "DataLib" / f"{PACKAGE_ID}.3").rename(library / "DataLib" / APPLICATION)
    found = await fetched(library, told, APPLICATION)
    assert found.package == APPLICATION
    assert tree_at(library.parent / "to") == TREE


async def test_the_library_at_the_same_place_is_preferred(library: Path, told: str) -> None:
    found = await fetched(library, told, has_library=True)
    assert tree_at(library.parent / "to") == TREE
    assert (found.truth, found.version) == ("content-library", 11)
    assert found.truth.known == "before-the-first-byte"


async def test_one_wrong_bit_delivers_nothing(library: Path, told: str) -> None:
    """Fault: a distribution point sends one bit wrong. dlcore says that the whole is wrong."""
    data = bytearray(LARGE)
    data[PIECE_BYTES] ^= 1
    file_of(library, LARGE).write_bytes(data)
    error = await refused(IntegrityError, library, told)
    assert told in error.message
    assert "dp1" in error.message
    assert "Run again" not in error.remedy, "nothing of it was received earlier"
    assert not state_at(library).exists(), "what is wrong somewhere must not be kept"
    file_of(library, LARGE).write_bytes(LARGE)
    await fetched(library, told)
    assert tree_at(library.parent / "to") == TREE


async def test_a_flipped_bit_is_named_where_the_library_can_be_read(
    library: Path, told: str
) -> None:
    """Fault: a distribution point sends one bit wrong. Its content library lets dlcore name it."""
    data = bytearray(LARGE)
    data[PIECE_BYTES] ^= 1
    file_of(library, LARGE).write_bytes(data)
    with pytest.raises(IntegrityError) as caught:
        await fetched(library, told, has_library=True)
    assert "setup.exe" in caught.value.message
    assert "dp1" in caught.value.message


async def test_nothing_is_called_verified_while_it_arrives(library: Path, told: str) -> None:
    events: list[Event] = []
    with pytest.raises(IntegrityError):
        await fetched(library, "AB" * 32, events=events)
    assert [event for event in events if isinstance(event, Progress)]
    assert not [event for event in events if isinstance(event, Progress) and event.verified_bytes]
    (ended,) = (event for event in events if isinstance(event, FetchEnded))
    assert ended.bytes_fetched == ended.bytes_wasted == sum(len(b or b"") for b in TREE.values())


async def test_what_is_kept_for_another_call_is_not_wasted(library: Path, told: str) -> None:
    asked, events = Asked(), list[Event]()
    asked.breaks_at = ("setup.exe", 2 * PIECE_BYTES)
    with pytest.raises(DlcoreError):
        await fetched(library, told, asked=asked, events=events)
    (ended,) = (event for event in events if isinstance(event, FetchEnded))
    assert ended.bytes_fetched >= 2 * PIECE_BYTES
    assert ended.bytes_wasted == 0
    asked.breaks_at = None
    events.clear()
    found = await fetched(library, told, asked=asked, events=events)
    (ended,) = (event for event in events if isinstance(event, FetchEnded))
    assert (ended.bytes_fetched, ended.bytes_wasted) == (found.bytes_fetched, 0)
    assert ended.bytes_fetched + ended.bytes_reused == found.content_bytes


async def test_what_has_arrived_is_not_fetched_again(library: Path, told: str) -> None:
    """Fault: a fetch breaks off inside a file. dlcore goes on there, and hashes all of it."""
    asked = Asked()
    asked.breaks_at = ("setup.exe", 2 * PIECE_BYTES)
    with pytest.raises(DlcoreError):
        await fetched(library, told, asked=asked)
    assert state_at(library).exists()
    assert not (library.parent / "to").exists()
    asked.breaks_at = None
    found = await fetched(library, told, asked=asked)
    assert tree_at(library.parent / "to") == TREE
    assert 0 < found.bytes_fetched < found.content_bytes
    assert found.bytes_reused == found.content_bytes - found.bytes_fetched


async def test_another_distribution_point_serves_what_one_does_not(
    library: Path, told: str
) -> None:
    first, second = Asked(), Asked()
    first.refused += ("/Datalib", "/FileLib", "web.config")
    async with (
        serving_point(point(library), first) as one,
        serving_point(point(library), second) as other,
    ):
        settings = [
            EndpointSettings(name, EndpointKind.DP, url)
            for name, url in (("dp1", one), ("dp2", other))
        ]
        found = await fetch(
            PACKAGE_ID,
            to=library.parent / "to",
            endpoints=settings,
            deliveries=library.parent / "records",
            content_hash=told,
        )
    assert tree_at(library.parent / "to") == TREE
    assert found.endpoints == {"dp1": found.content_bytes - 700, "dp2": 700}


async def test_what_was_altered_meanwhile_is_not_believed(library: Path, told: str) -> None:
    """Fault: what an earlier call has received is altered on disk. dlcore finds it out."""
    asked = Asked()
    asked.breaks_at = ("setup.exe", 2 * PIECE_BYTES)
    with pytest.raises(DlcoreError):
        await fetched(library, told, asked=asked)
    largest = max((state_at(library) / "unproven").iterdir(), key=lambda path: path.stat().st_size)
    with largest.open("r+b") as file:
        file.write(b"\0" if LARGE[:1] != b"\0" else b"\1")
    asked.breaks_at = None
    error = await refused(IntegrityError, library, told)
    assert "Run again first" in error.remedy
    assert not state_at(library).exists()
    await fetched(library, told)
    assert tree_at(library.parent / "to") == TREE


async def test_a_file_that_request_filtering_hides_is_named(library: Path, told: str) -> None:
    """Fault: request filtering hides a file that is listed. dlcore names the file and the cause."""
    asked = Asked()
    asked.refused += ("web.config",)
    with pytest.raises(ContentNotFoundError) as caught:
        await fetched(library, told, asked=asked)
    assert "bin/web.config" in caught.value.message
    assert "404.7" in caught.value.remedy


@pytest.mark.parametrize("name", ["ends ", "CON", "a:b", "SETUP.exe"])
@pytest.mark.posix_only(reason="names that Windows has not")
async def test_a_name_that_windows_lacks_is_refused_before_anything_arrives(
    library: Path, told: str, name: str
) -> None:
    """Fault: a distribution point lists a name that no Windows has. dlcore fetches nothing."""
    (library / "DataLib" / f"{PACKAGE_ID}.11" / f"{name}.INI").write_text(ini(b"x"))
    await refused(ManifestError, library, told)
    assert not state_at(library).exists()


async def test_what_is_not_there_and_what_is_no_hash_are_refused(library: Path, told: str) -> None:
    with pytest.raises(NotFoundError, match="ABC00099"):
        await fetched(library, told, "ABC00099")
    with pytest.raises(ConfigError, match="64"):
        await fetched(library, told[1:])
    with pytest.raises(ConfigError, match="content hash"):
        await fetched(library, told, f"http://localhost:1{FOLDER}/file")
