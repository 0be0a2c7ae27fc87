"""What counts as an example in a document."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs import blocks

PAGE = """\
# A page

<!-- run first: packages deployment -->

<!-- not run: needs Windows -->
```powershell
eventcreate /ID 1
```

```xml title="sequence.xml"
<sequence/>
```

```console title="second terminal"
$ dlcore serve site
```

```sh
ls
```
"""


def test_blocks_are_found_with_what_is_said_of_them() -> None:
    hidden, marked, file, second, plain = blocks.blocks_in(PAGE, "docs/page.md")
    assert (hidden.language, marked.language, plain.language) == (blocks.HIDDEN, "powershell", "sh")
    assert "dlcore publish" in hidden.text
    assert "deployment.toml" in hidden.text
    assert (marked.reason, marked.place) == ("needs Windows", "docs/page.md:5")
    assert (file.file_name, file.text) == ("sequence.xml", "<sequence/>\n")
    assert (second.title, second.file_name) == (blocks.SECOND_TERMINAL, "")
    assert (plain.reason, plain.text) == ("", "ls\n")


@pytest.mark.parametrize("document", blocks.DOCUMENTS, ids=lambda path: str(path.name))
def test_no_fence_and_no_marker_of_a_document_is_overlooked(document: Path) -> None:
    """A fence that is indented, or a marker that stands alone, would be no example at all."""
    text = document.read_text("utf-8")
    found = blocks.blocks_of(document)
    fenced = [block for block in found if block.language != blocks.HIDDEN]
    assert len(re.findall(r"^\s*(?:```|~~~)", text, re.MULTILINE)) == 2 * len(fenced)
    markers = len(re.findall(r"^<!-- (?:not run|run first):", text, re.MULTILINE))
    assert markers == len(found) - len(fenced) + sum(1 for block in fenced if block.reason)
