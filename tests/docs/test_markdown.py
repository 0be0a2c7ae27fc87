"""The documents look alike on a code host and on the site, whose Markdown is stricter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.blocks import DOCUMENTS

_ITEM = re.compile(r"(?:[-*]|\d+\.) ")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.name))
def test_a_list_and_a_table_have_an_empty_line_before_them(document: Path) -> None:
    """Without it they would be a part of the paragraph on the site."""
    before, in_fence, found = "", False, []
    for number, line in enumerate(document.read_text("utf-8").splitlines(), 1):
        in_fence ^= line.startswith("```")
        is_text = before and not re.match(r"[#|\s]", before) and not _ITEM.match(before)
        if is_text and not in_fence and (_ITEM.match(line) or line.startswith("|")):
            found.append(number)
        before = line
    assert not found
