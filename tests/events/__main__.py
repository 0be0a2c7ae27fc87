"""Prints ``docs/events.md``: ``python -m tests.events > docs/events.md``."""

from __future__ import annotations

import sys

from tests.events.document import document

if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # a file or a pipe
    sys.stdout.write(document())
