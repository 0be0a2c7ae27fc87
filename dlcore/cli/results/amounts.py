"""Where the bytes of a result came from, in words."""

from __future__ import annotations

from dlcore.engine.numbers_for_people import amount


def format_amounts(fetched_bytes: int, reused_bytes: int, patched_bytes: int) -> str:
    """How much came over the network, and how much need not.

    Args:
        fetched_bytes: What was received, patches among it.
        reused_bytes: What was on disk before, or was made of that by patches.
        patched_bytes: Of the latter, what patches made.
    """
    patched = f", {amount(patched_bytes)} of that by patches" if patched_bytes else ""
    return f"{amount(fetched_bytes)} fetched, {amount(reused_bytes)} reused{patched}"
