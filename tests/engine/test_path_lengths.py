"""Where the limit of the programs of Windows is."""

from __future__ import annotations

import pytest

from dlcore.deployment import TooLong
from dlcore.engine.path_lengths import too_long
from dlcore.model import File, Manifest

FOLDER = "C:\\" + "s" * 97  # 100 characters


def package(*paths: str, folders: tuple[str, ...] = ()) -> Manifest:
    files = tuple(File(path, 0) for path in paths)
    return Manifest(1, "ABC00001", 1, 4096, objects=(), files=files, folders=folders)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (package("f" * 158), None),
        (package("f" * 159), TooLong("ABC00001", 1, 260)),
        (package("f", folders=("d" * 146,)), None),
        (package("f", folders=("d" * 147,)), TooLong("ABC00001", 1, 248)),
        (package(f"{'d' * 147}/f"), TooLong("ABC00001", 1, 248)),
        (package(f"a/{'d' * 160}/f", "short"), TooLong("ABC00001", 2, 265)),
        (package("\N{GRINNING FACE}" * 79), None),
        (package("\N{GRINNING FACE}" * 80), TooLong("ABC00001", 1, 261)),
    ],
)
def test_files_may_have_259_and_folders_247_utf_16_units(
    content: Manifest, expected: TooLong | None
) -> None:
    assert too_long(FOLDER, content) == expected
