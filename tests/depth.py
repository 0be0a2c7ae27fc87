"""How many cases the laws and the random tests try: a few each time, many with ``DLCORE_DEEP=1``.

``make test-deep`` is for a night, or for whoever changes what such a test is about.
"""

from __future__ import annotations

import os

IS_DEEP = os.environ.get("DLCORE_DEEP") == "1"


def cases(quick: int, deep: int) -> int:
    """How many cases to try: in every run, or where there is time."""
    return deep if IS_DEEP else quick
