"""Where the bytes of a result came from."""

from __future__ import annotations

from dlcore.cli.results.amounts import format_amounts


def test_what_patches_saved_is_told_if_they_did() -> None:
    assert format_amounts(1024, 4096, 0) == "1.0 KiB fetched, 4.0 KiB reused"
    told = format_amounts(1024, 4096, 2048)
    assert told == "1.0 KiB fetched, 4.0 KiB reused, 2.0 KiB of that by patches"
