"""There is a man page for each command, up to date and well-formed."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.man_pages.document import FOLDER, pages


def test_the_pages_are_those_of_the_commands() -> None:
    """Mend it with: python -m tests.man_pages."""
    kept = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.1")}
    assert kept == pages()


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.1")))
def test_a_page_is_well_formed(name: str) -> None:
    told = subprocess.run(
        ["mandoc", "-Tlint", "-Wwarning", str(FOLDER / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    # A date would change with each build; and other pages are looked for where they are installed.
    faults = [line for line in told.stdout.splitlines() if "missing date" not in line]
    assert not faults
