"""What the tests of the command line share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from dlcore.publish import publish
from tests.cli.helpers import Here, Served, served
from tests.engine.scene import make_tree, sequence, step, upgrade

LARGE = 3 << 20


class Site(NamedTuple):
    """Published packages, their sources, a sequence over them, and a gateway that serves them."""

    root: Path
    gateway: Served

    @property
    def published(self) -> Path:
        return self.root / "published"

    @property
    def sequence(self) -> Path:
        return self.root / "sequence.xml"

    def source(self, package_id: str) -> Path:
        return self.root / "source" / package_id


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """ABC00001: all that is awkward; ABC00002: a file of some MiB; ABC00003: nobody needs it."""
    root = tmp_path_factory.mktemp("site")
    awkward = make_tree(
        root / "source" / "ABC00001",
        {"a/one.bin": LARGE, "büro/größe 日本.txt": 10, "empty": 0, "block": 1 << 20, "x'y": 1},
    )
    (awkward / "same.bin").write_bytes((awkward / "a" / "one.bin").read_bytes())
    (awkward / "hollow" / "inside").mkdir(parents=True)
    make_tree(root / "source" / "ABC00002", {"large.bin": 2 * LARGE + 1})
    make_tree(root / "source" / "ABC00003", {"unused.bin": 5000})
    for package_id in ("ABC00001", "ABC00002", "ABC00003"):
        source = root / "source" / package_id
        publish(source, package_id=package_id, version=1, destination=str(root / "published"))
    steps = upgrade("ABC00001"), step("Drivers", package="ABC00002")
    (root / "sequence.xml").write_bytes(sequence(*steps))
    with served(root / "published", root / "emulator") as gateway:
        told = gateway.config.read_text(encoding="utf-8")
        on_internet = told.replace("on_internet = false", "on_internet = true")  # on any system
        gateway.config.write_text(on_internet, encoding="utf-8")
        yield Site(root, gateway)


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """Runs commands in this process."""
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.delenv("DLCORE_DEBUG", raising=False)
    return Here(capsys)
