"""A package of which a machine has one version and a site the next one, with patches."""

from __future__ import annotations

import asyncio
import atexit
import functools
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from dlcore.deployment import CatalogSettings, Deployment
from dlcore.engine.client import Client
from dlcore.engine.events import Event
from dlcore.engine.fetching.fetch import fetch
from dlcore.engine.fetching.fetch_into import Fetched
from dlcore.model import EndpointKind, EndpointSettings, patch_list_key
from dlcore.patches import PatchList, decode_patch_list, encode_patch_list
from dlcore.publish import Published, publish
from tests.publish.helpers import BLOCK, content, write_tree

ID = "ABC00012"
LARGE, OTHER = content(60 * BLOCK), content(50 * BLOCK)
OLD = {
    "large.dll": LARGE,
    "moved.dll": OTHER,
    "same.dll": content(40 * BLOCK),
    **{f"inf/{n:02}.inf": content(700, n) for n in range(20)},
}
NEW = {
    **{path: data for path, data in OLD.items() if path != "moved.dll"},
    "large.dll": LARGE[:90_000] + b"new" + LARGE[90_100:],
    "sub/moved too.dll": OTHER,
    "inf/07.inf": content(700, 7)[:100] + b"new",
    "inf/added.inf": b"; comment\n" * 40,
}
NEW_BYTES = sum(map(len, NEW.values()))
FEW = 2_000  # bytes of patches


class Site(NamedTuple):
    """Two versions of a package: the older one delivered, the newer one published."""

    root: Path
    made: Published

    @property
    def folder(self) -> Path:
        return self.root / "site"

    @property
    def to(self) -> Path:
        return self.root / "to"

    @property
    def patches(self) -> Path:
        return self.folder / patch_list_key(self.made.manifest)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.root.iterdir())

    def listed(self) -> PatchList:
        return decode_patch_list(self.patches.read_bytes(), source="site")

    def relist(self, listed: PatchList) -> None:
        self.patches.write_bytes(encode_patch_list(listed))

    def objects(self) -> list[Path]:
        return [self.folder / "objects" / item.name for item in self.listed().objects]

    def fetch(self, on_event: Callable[[Event], None] | None = None) -> Fetched:
        return asyncio.run(
            fetch(
                ID,
                to=self.to,
                endpoints=[str(self.folder)],
                catalog=self.folder / "catalog.json",
                deliveries=self.root / "records",
                on_event=on_event,
            )
        )

    def client(self) -> Client:
        endpoint = EndpointSettings("site", EndpointKind.FILE, str(self.folder))
        settings = Deployment(
            endpoints=(endpoint,), catalog=CatalogSettings(path=str(self.folder / "catalog.json"))
        )
        return Client(settings, self.root / "state")

    def publish(self, version: int, *patch_from: str) -> Published:
        source = self.root / f"v{version}"
        if not source.exists():
            write_tree(source, OLD if version == 1 else NEW)
        return publish(
            source,
            package_id=ID,
            version=version,
            destination=str(self.folder),
            block_bytes=BLOCK,
            patch_from=patch_from,
        )


def used_bytes(fetched: Fetched) -> int:
    """What a fetch needed. Races on a busy machine may fetch more."""
    return fetched.bytes_fetched - fetched.bytes_wasted


class Sites(NamedTuple):
    """A site before and after the newer version is published. Nobody writes here."""

    before: Path
    after: Path
    made: Published


@functools.cache
def published() -> Sites:
    """Made once: publishing with patches is what takes long."""
    root = Path(tempfile.mkdtemp(prefix="dlcore-two-versions-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    site = Site(root, Published("", 0, "", 0, 0, 0, 0, 0))
    site.publish(1)
    before = Path(shutil.copytree(site.folder, root / "before"))
    return Sites(before, site.folder, site.publish(2, "1"))


def first_published(root: Path) -> Site:
    """The older version published, and fetched by nobody."""
    shutil.copytree(published().before, root / "site")
    return Site(root, Published("", 0, "", 0, 0, 0, 0, 0))


def with_newer(site: Site) -> Site:
    """The newer version published too, with patches from the older one."""
    shutil.copytree(published().after, site.folder, dirs_exist_ok=True)
    return site._replace(made=published().made)


def delivered(root: Path) -> Site:
    """The older version delivered to a folder; the newer one published."""
    site = first_published(root)
    site.fetch()
    return with_newer(site)


async def held_by_client(root: Path) -> Site:
    """The older version in a state directory; the newer one published."""
    site = first_published(root)
    async with site.client() as client:
        await client.fetch(ID)
    return with_newer(site)
