"""The seed that repeats a test or a campaign, from DLCORE_SEED.

dlcore reads the same variable as its option ``--seed``, a folder. So it is taken out of the
environment, before any process is started.
"""

from __future__ import annotations

import os

_GIVEN = os.environ.pop("DLCORE_SEED", "")


def given_seed(default: int) -> int:
    """The seed that was given, else the default."""
    return int(_GIVEN or default)
