"""Rates are understood as people write them, and bits are never taken for bytes."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.deployment import Deployment, parse_deployment, parse_rate
from dlcore.deployment.rates import MIN_CAP_BYTES_PER_S, parse_cap
from dlcore.errors import ConfigError

CATALOG = "[catalog]\npath = 'catalog.json'\n"
UNITS = {
    "bit": (1, 8),
    "kbit": (10**3, 8),
    "Mbit": (10**6, 8),
    "Gbit": (10**9, 8),
    "B": (1, 1),
    "kB": (10**3, 1),
    "MB": (10**6, 1),
    "GB": (10**9, 1),
    "KiB": (2**10, 1),
    "MiB": (2**20, 1),
    "GiB": (2**30, 1),
}


def parsed(text: str) -> Deployment:
    return parse_deployment((CATALOG + text).encode(), Path("/etc/dlcore/deployment.toml"))


@given(
    whole=st.integers(0, 10**9),
    decimals=st.text("0123456789", max_size=6),
    unit=st.sampled_from(sorted(UNITS)),
    space=st.sampled_from(["", " "]),
    per=st.sampled_from(["", "/s"]),
)
def test_a_number_and_its_unit_are_exactly_so_many_bytes(
    whole: int, decimals: str, unit: str, space: str, per: str
) -> None:
    factor, bits = UNITS[unit]
    text = f"{whole}{'.' if decimals else ''}{decimals}{space}{unit}{per}"
    scaled = int(f"{whole}{decimals}") * factor
    assert parse_rate(text) == scaled // (bits * 10 ** len(decimals))


@given(st.integers(0, 10**15))
def test_a_bare_number_is_bytes_per_second(number: int) -> None:
    assert parse_rate(str(number)) == parse_rate(f"{number} B/s") == number


@given(st.text(max_size=20))
def test_whatever_the_text_it_is_a_rate_or_refused(text: str) -> None:
    rate: int | None = None
    with contextlib.suppress(ValueError):
        rate = parse_rate(text)
    assert rate is None or rate >= 0


NOT_RATES = [
    *("", "fast", "-1", "nan", "1e6", "1.", "٣ MB"),
    *("1 TiB", "1 Mb/s", "1 mbit", "1M", "1 MBPS", "1 Kibit"),
]


@pytest.mark.parametrize("text", NOT_RATES)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a rate|unknown unit"):
        parse_rate(text)


def test_a_unit_in_another_spelling_is_told_the_right_one() -> None:
    with pytest.raises(ValueError, match="did you mean Mbit"):
        parse_rate("100 mbit/s")


@given(st.integers(0, 2 * MIN_CAP_BYTES_PER_S))
def test_a_cap_is_none_or_high_enough(number: int) -> None:
    if 0 < number < MIN_CAP_BYTES_PER_S:
        with pytest.raises(ValueError, match="less than"):
            parse_cap(str(number))
    else:
        assert parse_cap(str(number)) == number


def test_every_rate_in_a_file_may_have_a_unit() -> None:
    deployment = parsed(
        "[transfer]\ncap_bytes_per_s = '80 Mbit/s'\nlink_bytes_per_s = 12_500_000\n"
        "[[endpoint]]\nname = 'a'\nkind = 'file'\npath = 'x'\ncap_bytes_per_s = '1 MiB/s'\n"
    )
    assert deployment.transfer.cap_bytes_per_s == 10_000_000
    assert deployment.transfer.link_bytes_per_s == 12_500_000
    assert deployment.endpoints[0].cap_bytes_per_s == 1 << 20


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[transfer]\ncap_bytes_per_s = '1 Mb/s'", "transfer.cap_bytes_per_s: unknown unit"),
        ("[transfer]\nlink_bytes_per_s = 'secret'", "transfer.link_bytes_per_s: not a rate"),
        ("[transfer]\ncap_bytes_per_s = 1000", "transfer.cap_bytes_per_s: less than 1024"),
        ("[transfer]\ncap_bytes_per_s = true", "transfer.cap_bytes_per_s: "),
        ("[transfer]\ncap_bytes_per_s = -1", "transfer.cap_bytes_per_s: "),
    ],
)
def test_a_rate_that_cannot_be_used_is_named(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parsed(text)
    assert told in refused.value.message
    assert "secret" not in refused.value.message + refused.value.remedy


@pytest.mark.parametrize(
    ("text", "old"),
    [
        ("[transfer]\ncap_bps = 1", "cap_bps"),
        ("[transfer]\nlink_bps = 1", "link_bps"),
        ("[[endpoint]]\nname = 'a'\nkind = 'file'\npath = 'x'\ncap_bps = 1", "cap_bps"),
    ],
)
def test_an_old_key_is_refused_with_its_new_name(text: str, old: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parsed(text)
    new = old.replace("bps", "bytes_per_s")
    assert f"{old} is now {new}" in refused.value.message
    assert new in refused.value.remedy
    assert "bytes per second" in refused.value.remedy
