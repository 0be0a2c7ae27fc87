"""The documents, and the fenced blocks in them.

A block is an example unless a comment before it says why it is none::

    <!-- not run: needs a gateway -->
    ```sh
    dlcore fetch ABC00012 --from cmg+https://cmg1.contoso.com -o ./drivers
    ```

A block that has a title that is the name of a file is that file. One that is titled ``second
terminal`` goes on running while the blocks after it run. What the examples of a page need is made
by scripts in ``before/``, which readers do not see; a comment names them::

    <!-- run first: packages deployment -->
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
"""All that the project tells in writing."""

SECOND_TERMINAL = "second terminal"
HIDDEN = "hidden"
"""The language of commands that readers do not see."""

BEFORE = Path(__file__).with_name("before")

_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]*?) -->\n)?"
    r"^```(?P<language>[\w-]*)(?: title=\"(?P<title>[^\"]*)\")?[^\n]*\n(?P<text>.*?)^```$"
    r"|^<!-- run first: (?P<scripts>[a-z ]+) -->$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block, or commands in a comment.

    Attributes:
        page: The document, relative to the project.
        line: Where it begins, from 1.
        language: What the fence says; empty if nothing.
        title: Of the block; may be empty.
        text: Between the fences.
        reason: Why it is not run; empty if it is.
    """

    page: str
    line: int
    language: str
    title: str
    text: str
    reason: str

    @property
    def place(self) -> str:
        """For messages."""
        return f"{self.page}:{self.line}"

    @property
    def file_name(self) -> str:
        """The file that the block is; empty if it is none."""
        return "" if self.title in {"", SECOND_TERMINAL} else self.title


def blocks_of(document: Path) -> list[Block]:
    """The blocks of a document, in their order."""
    page = document.relative_to(ROOT).as_posix()
    return blocks_in(document.read_text("utf-8"), page)


def blocks_in(text: str, page: str) -> list[Block]:
    """The blocks of a text in Markdown."""
    found = []
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match["scripts"]:
            scripts = [BEFORE / f"{name}.sh" for name in match["scripts"].split()]
            text_of_all = "".join(script.read_text("utf-8") for script in scripts)
            found.append(Block(page, line, HIDDEN, "", text_of_all, ""))
        else:
            title, reason = match["title"] or "", match["reason"] or ""
            found.append(Block(page, line, match["language"], title, match["text"], reason))
    return found
