"""What is served: made once in a folder, found there by the next run, and in memory when asked."""

from __future__ import annotations

import filecmp
import random
import shutil
from pathlib import Path
from typing import NamedTuple

from bench.content import random_object
from bench.netlab import namespaces
from bench.netlab.measure import ToolError
from bench.netlab.profiles import SMALL_FILE_BYTES
from bench.netlab.tools import DLCORE


class Supply(NamedTuple):
    """Content, and what a client needs to know of it.

    Attributes:
        source: What a client must end up with: a file, or a folder.
        published: Folder that dlcore fetches from.
        plain: Folder that the others fetch from.
        manifest: Path of the manifest.
        object: Path of the only object below ``plain``; "" if there are many files.
        listed: File with the paths of the files below ``plain``; for many.
        sha256: Of the object, hex.
        length_bytes: Of all content.
    """

    source: Path
    published: Path
    plain: Path
    manifest: Path
    object: str
    listed: Path
    sha256: str
    length_bytes: int

    def check(self, output: Path) -> None:
        """Check that a client got the right bytes: without them it has no speed.

        Raises:
            ToolError: It did not.
        """
        pairs = [(self.source, output / "image.bin")]
        if self.source.is_dir():
            paths = self.listed.read_text(encoding="utf-8").split()
            pairs = [(self.source / path, output / path) for path in paths]
        for wanted, found in pairs:
            if not found.exists() or not filecmp.cmp(wanted, found, shallow=False):
                raise ToolError(f"{found.relative_to(output)} is not what was asked for")


def one_object(folder: Path, mib: int) -> Supply:
    """A package of one file of random bytes."""
    made = random_object(folder, mib)
    path = f"objects/{made.object}"
    return Supply(
        source=made.path,
        published=made.root,
        plain=made.root,
        manifest=made.manifest,
        object=path,
        listed=made.digests,
        sha256=made.sha256,
        length_bytes=made.length_bytes,
    )


def many_files(folder: Path, count: int) -> Supply:
    """A package of small files, published as pack objects and served one by one too."""
    folder = folder / f"files-{count}"
    tree, published, listed = folder / "tree", folder / "published", folder / "paths"
    if not listed.exists():
        shutil.rmtree(folder, ignore_errors=True)
        paths = [f"drivers/{number % 40:02}/driver{number:05}.inf" for number in range(count)]
        _write(tree, paths)
        publish(tree, "BNC00003", published)
        listed.write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
    for path in (path for path in folder.rglob("*") if path.is_file()):
        path.read_bytes()
    (manifest,) = (published / "manifests").iterdir()
    return Supply(tree, published, tree, manifest, "", listed, "", count * SMALL_FILE_BYTES)


def publish(tree: Path, package_id: str, destination: Path) -> None:
    """Publish a folder as dlcore does."""
    command = [*DLCORE, "publish", str(tree), "--package-id", package_id, "--to", str(destination)]
    namespaces.run([*command, "-q"])


def _write(tree: Path, paths: list[str]) -> None:
    dice = random.Random(3)
    for path in paths:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(dice.randbytes(SMALL_FILE_BYTES))
