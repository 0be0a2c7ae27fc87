"""Prints ``docs/faults.md``: ``python -m tests.faults > docs/faults.md``."""

from __future__ import annotations

import sys

from tests.faults.collection import collect
from tests.faults.document import document

if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # a file or a pipe
    sys.stdout.write(document(collect()))
