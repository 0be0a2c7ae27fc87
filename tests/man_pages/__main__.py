"""Writes the man pages into the folder ``docs/man``: ``python -m tests.man_pages``."""

from __future__ import annotations

from tests.man_pages.document import FOLDER, pages

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    made = pages()
    for path in FOLDER.glob("*.1"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
