"""The hooks before a commit and `make check` run the same checks."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_hooks_are_what_make_check_runs() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    (checks,) = re.findall(r"^check: ([a-z -]+?) *##", makefile, re.MULTILINE)
    assert re.findall(r"^ +entry: make (.+)$", hooks, re.MULTILINE) == checks.split()
    for check in checks.split():
        assert f"\n{check}: " in makefile
