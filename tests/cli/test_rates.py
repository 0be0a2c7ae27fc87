"""Rates are understood as people write them."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from dlcore.cli.rates import rate_bytes_per_s
from tests.cli.conftest import Site
from tests.cli.helpers import Here


@pytest.mark.parametrize(
    ("text", "expected_bytes_per_s"),
    [
        ("65536", 65536),
        ("1KiB", 1024),
        ("1 MiB/s", 1 << 20),
        ("1.5mib", 1.5 * (1 << 20)),
        ("500kB", 500_000),
        ("2G", 2e9),
        ("0", 0),
    ],
)
def test_a_rate_is_bytes_per_second(text: str, expected_bytes_per_s: float) -> None:
    assert rate_bytes_per_s(text) == expected_bytes_per_s


@pytest.mark.parametrize("text", ["", "fast", "-1", "1TiB", "1 Mbit/s", "nan", "100", "1e6"])
def test_what_is_no_rate_or_too_low_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        rate_bytes_per_s(text)


def test_a_fetch_refuses_a_rate_that_is_none(here: Here, site: Site, tmp_path: Path) -> None:
    source = ("--from", site.published, "-o", tmp_path / "to")
    ended = here("fetch", "ABC00002", *source, "--limit-rate", "fast")
    assert ended.status == 2
    assert "--limit-rate" in ended.err
    assert not (tmp_path / "to").exists()
