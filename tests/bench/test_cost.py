"""Commands that are compared take turns, and one that fails has no figure."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cost import measure, take_turns

pytestmark = pytest.mark.posix_only(reason="a child is waited for with wait4")


def test_the_order_is_reversed_in_every_other_round(tmp_path: Path) -> None:
    """Whoever always came second would always meet what the first one left behind."""
    told = tmp_path / "told"
    ways = {name: ["sh", "-c", f"printf {name} >> '{told}'"] for name in "abc"}
    costs = take_turns(ways, 3)
    assert told.read_text(encoding="ascii") == "abc" + "cba" + "abc"
    assert {name: len(cost.rounds) for name, cost in costs.items()} == {"a": 3, "b": 3, "c": 3}


def test_a_command_that_fails_ends_the_benchmark() -> None:
    with pytest.raises(SystemExit, match="why it failed"):
        measure(["sh", "-c", "echo why it failed >&2; exit 3"])
