from __future__ import annotations

import pytest

from dlcore.emulator.published_folder import PublishedFolder
from dlcore.model import CATALOG_KEY, Object
from tests.emulator.helpers import LARGE, PACKAGE_ID, Sample


@pytest.mark.parametrize("name", ["", ".", "..", f"../{CATALOG_KEY}", "/etc/passwd", "a" * 63])
def test_nothing_outside_the_folder_can_be_named(sample: Sample, name: str) -> None:
    published = PublishedFolder(sample.folder / "objects" / "..")
    assert published.stored(name) is None
    assert published.document(name) is None
    assert published.manifest(name) is None


def test_what_is_published_is_found(sample: Sample) -> None:
    published = PublishedFolder(sample.folder)
    stored = published.stored(sample.large.name)
    entry = published.current(PACKAGE_ID)
    assert stored is not None
    assert stored.path.read_bytes() == LARGE
    assert entry is not None
    assert published.manifest(entry.manifest) == sample.manifest
    assert published.current("ABC00013") is None


def test_objects_that_are_missing_have_no_length(sample: Sample) -> None:
    absent = Object("0" * 64, 1)
    lengths = PublishedFolder(sample.folder).lengths((*sample.manifest.objects, absent))
    assert lengths == {one.name: one.length_bytes for one in sample.manifest.objects}


def test_a_new_version_is_seen_at_once(sample: Sample) -> None:
    published = PublishedFolder(sample.folder)
    assert published.current(PACKAGE_ID) is not None
    (sample.folder / CATALOG_KEY).write_bytes(b'{"schema":1,"packages":{}}')
    assert published.current(PACKAGE_ID) is None
