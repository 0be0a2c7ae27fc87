"""Sizes in a deployment file: the space that is to stay free, and that of the cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.deployment import parse_deployment
from dlcore.errors import ConfigError

CACHE = "[catalog]\npath = 'c.json'\n[[endpoint]]\nname = 'e'\nkind = 'file'\npath = '.'\n[cache]\n"


@pytest.mark.parametrize(
    ("text", "reserve_bytes"),
    [("0", 0), ("5000", 5000), ("'1 GiB'", 1 << 30), ("'1.5 kB'", 1500), ("'2TB'", 2 * 10**12)],
)
def test_a_reserve_is_a_size(text: str, reserve_bytes: int) -> None:
    assert parse_size_of(text) == reserve_bytes


@pytest.mark.parametrize("text", ["-1", "1.5", "'1'", "'1 Gbit'", "'1 GiB/s'", "'1 gib'", "true"])
def test_what_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"content\.reserve"):
        parse_size_of(text)


def parse_size_of(text: str) -> int | None:
    endpoint = "[[endpoint]]\nname = 'd'\nkind = 'file'\npath = 'p'\n"
    document = f"[content]\nreserve = {text}\n[catalog]\npath = 'c'\n{endpoint}"
    return parse_deployment(document.encode(), Path("/d.toml")).content.reserve_bytes


@pytest.mark.parametrize(
    ("text", "max_bytes", "max_share"),
    [
        ("max_size = '20 GB'", 20 * 10**9, None),
        ("max_size = 5000", 5000, None),
        ("max_size = '12.5 %'", None, 0.125),
        ("seeds = ['old']", None, None),
    ],
)
def test_the_cache_has_a_size_or_a_share(
    tmp_path: Path, text: str, max_bytes: int | None, max_share: float | None
) -> None:
    cache = parse_deployment((CACHE + text).encode(), tmp_path / "d.toml").cache
    assert (cache.max_bytes, cache.max_share) == (max_bytes, max_share)
    assert all(Path(seed) == tmp_path / "old" for seed in cache.seeds)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("max_size = '0 %'", "cache.max_size"),
        ("max_size = '101 %'", "cache.max_size"),
        ("max_size = -1", "cache.max_size"),
        ("max_size = true", "cache.max_size"),
        ("seeds = 'old'", "cache.seeds"),
        ("maxsize = 1", "maxsize"),
    ],
)
def test_what_is_no_size_of_a_cache_is_refused(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        parse_deployment((CACHE + text).encode(), tmp_path / "d.toml")
