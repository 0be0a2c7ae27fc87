"""How much the agent remembers."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.agent.interface import MAX_BODY_BYTES, SequencePoint, Want
from dlcore.agent.remembered import Remembered
from dlcore.errors import ConfigError


async def test_the_variables_of_all_wants_have_a_bound(tmp_path: Path) -> None:
    """Fault: many wants have long variables. The agent takes them up to a bound."""
    remembered = Remembered(tmp_path)
    long = "x" * (MAX_BODY_BYTES // 2)
    await remembered.put(Want("a", sequence=SequencePoint("<sequence/>", variables={"v": long})))
    with pytest.raises(ConfigError, match="variables"):
        await remembered.put(Want("b", sequence=SequencePoint("", variables={"v": long})))
    assert [want.name for want in remembered.wants] == ["a"]
    remembered.close()
