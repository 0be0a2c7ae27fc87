"""Writes the generated pages below ``docs/reference``: ``python -m tests.docs.reference``."""

from __future__ import annotations

from tests.docs.reference.pages import FOLDER, PAGES

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / f"{name}.md").write_text(page(), encoding="utf-8", newline="\n")
