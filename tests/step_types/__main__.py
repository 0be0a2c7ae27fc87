"""Prints ``docs/task-sequences.md``: ``python -m tests.step_types > docs/task-sequences.md``."""

from __future__ import annotations

import sys

from tests.step_types.document import document

if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # a file or a pipe
    sys.stdout.write(document())
