"""The agent is killed with clients attached; `tests.agent.killing` does it more often."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from tests.agent.killing import PACKAGES, kill_often
from tests.seeds import given_seed

KILLS = 2 if sys.platform == "win32" else 3


@pytest.mark.timeout(300)
async def test_clients_go_on_with_the_agent_that_follows(tmp_path: Path) -> None:
    """Fault: the agent is killed again and again. Clients and a run go on, and nothing is lost."""
    seed = given_seed(random.randrange(2**32))
    found = await kill_often(tmp_path, KILLS, random.Random(seed))
    assert found.kills == KILLS, f"DLCORE_SEED={seed}"
    assert found.runs, f"DLCORE_SEED={seed}"
    assert found.obtained >= len(PACKAGES) / 2, f"DLCORE_SEED={seed}"
