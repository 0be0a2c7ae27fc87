"""A whole content library to publish: many small packages, an application, an update."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from dlcore.publish import PublishedLibrary, publish_library
from dlcore.publish.policy import PublishPolicy
from tests.publish.helpers import BLOCK, Tree, content
from tests.publish.library import write_content

APPLICATION = "Content_0a1b2c3d-0000-4000-8000-00000000000f"
UPDATE = "0a1b2c3d-0000-4000-8000-0000000000aa"
SHARED = content(2 * BLOCK + 1)  # in each fifth package
OFTEN = PublishPolicy(contents_per_change=5)


def package(number: int) -> str:
    """The id of a package."""
    return f"ABC{number:05X}"


def tree(number: int, version: int = 1) -> Tree:
    """What a package consists of."""
    return {
        "setup.exe": content(BLOCK + number, version),
        "driver/driver.inf": content(100 + number, version),
        "empty": b"",
        "none": None,
        **({"shared.dll": SHARED} if number % 5 == 0 else {}),
    }


def write_whole(root: Path, packages: int) -> Path:
    """Write a library with that many packages, an application and an update."""
    for number in range(packages):
        write_content(root, f"{package(number)}.1", tree(number))
    write_content(root, f"{APPLICATION}.2", {"app.msi": b"app"}, package_id="ABC0F001")
    write_content(root, UPDATE, {"update.cab": b"update"}, package_id="ABC0F002")
    return root


def copied(library: Path, to: Path) -> Path:
    """A library of which something is to be changed."""
    return Path(shutil.copytree(library, to))


def published(library: Path | list[Path], site: Path, **how: Any) -> PublishedLibrary:
    """Publish a library, with a memory of its own beside the site."""
    return publish_library(
        library if isinstance(library, list) else [library],
        destination=str(site),
        block_bytes=BLOCK,
        **{"memory": site.with_name(f"{site.name} memory"), "policy": OFTEN, **how},
    )
