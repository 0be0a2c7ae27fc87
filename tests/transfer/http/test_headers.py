"""The pure readers of headers: right for every value, and never an exception."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dlcore.transfer.http.headers import (
    MAX_LENGTH_BYTES,
    MAX_RETRY_AFTER_S,
    ContentRange,
    parse_content_range,
    parse_date,
    parse_digest,
    parse_last_modified,
    parse_repr_digest,
    parse_retry_after_s,
)

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
MOMENTS = st.integers(86_400, 32_000_000_000).map(lambda s: datetime.fromtimestamp(s, UTC))


@given(st.lists(st.integers(0, MAX_LENGTH_BYTES), min_size=3, max_size=3).map(sorted))
def test_a_content_range_is_read_exactly_when_it_is_in_order(bounds: list[int]) -> None:
    first, last, total = bounds
    expected = ContentRange(first, last + 1, total) if last < total else None
    assert parse_content_range(f"bytes {first}-{last}/{total}") == expected


@given(st.lists(st.integers(0, MAX_LENGTH_BYTES - 1), min_size=2, max_size=2).map(sorted))
def test_a_range_of_an_unknown_total_is_read(bounds: list[int]) -> None:
    first, last = bounds
    assert parse_content_range(f"bytes {first}-{last}/*") == ContentRange(first, last + 1, None)


@given(st.binary(min_size=32, max_size=32))
def test_the_digest_of_the_whole_is_read_wherever_it_stands(digest: bytes) -> None:
    text = f"sha-256=:{base64.b64encode(digest).decode()}:"
    for value in (text, f"md5=:AA==:, {text}", f"{text},sha-512=:AA==:"):
        assert parse_repr_digest(value) == digest


@given(st.binary(min_size=32, max_size=32))
def test_the_forerunner_of_the_digest_is_read_wherever_it_stands(digest: bytes) -> None:
    text = f"SHA-256={base64.b64encode(digest).decode()}"
    for value in (text, f"MD5=AA==, {text}", f"{text.replace('SHA', 'sha')},SHA=AA=="):
        assert parse_digest(value) == digest
    for value in (f"{text},{text}", f"x{text}", f"SHA-512={text[8:]}", text[:-1]):
        assert parse_digest(value) is None


@given(st.text())
@example("sha-256=:AA==:")
@example(f"sha-256={'A' * 43}=")
@example(f"xsha-256=:{'A' * 43}=:")
@example(f"sha-256=:{'A' * 43}=:, sha-256=:{'B' * 43}=:")
def test_what_is_not_exactly_one_digest_is_none(text: str) -> None:
    assert parse_repr_digest(text) is None


@given(st.text())
@example("bytes 0-0/1\n")
@example("bytes 0-0/1 ")
@example("bytes  0-0/1")
@example("bytes +0-0/1")
@example("bytes 0-0/1_0")
@example("bytes ٠-0/1")  # noqa: RUF001  other digits are the point
@example("bytes */1")
@example("bytes 0-0/**")
@example(f"bytes 0-{MAX_LENGTH_BYTES}/*")
@example("bytes 5-4/10")
@example("bytes 0-10/10")
@example(f"bytes 0-0/{MAX_LENGTH_BYTES + 1}")
@example(f"bytes 0-0/{10**40}")
@example("0-0/1")
@example("")
def test_what_is_not_exactly_a_content_range_is_none(text: str) -> None:
    """Fault H6: a Content-Range is garbled. dlcore does not guess."""
    assert parse_content_range(text) is None


@given(st.text(), MOMENTS)
@example("Fri, 31 Feb 2026 10:00:00 GMT", NOW)
@example("Thu, 01 Jan 99999 00:00:00 GMT", NOW)
@example("9" * 5000, NOW)
@example("²", NOW)
def test_retry_after_never_raises_and_is_always_clamped(text: str, now: datetime) -> None:
    """Fault C4: a server names an absurd time to wait. dlcore clamps it."""
    wait_s = parse_retry_after_s(text, now)
    assert wait_s is None or 0 <= wait_s <= MAX_RETRY_AFTER_S


@given(st.integers(0, 10**30))
def test_retry_after_in_seconds_is_clamped_from_above(seconds: int) -> None:
    assert parse_retry_after_s(str(seconds), NOW) == min(seconds, MAX_RETRY_AFTER_S)


@given(MOMENTS, st.integers(-(10**6), 10**6))
def test_retry_after_as_a_date_is_the_time_until_then(now: datetime, offset_s: int) -> None:
    then = format_datetime(now + timedelta(seconds=offset_s), usegmt=True)
    assert parse_retry_after_s(then, now) == min(max(offset_s, 0), MAX_RETRY_AFTER_S)


def test_a_date_without_a_zone_is_universal_time() -> None:
    assert parse_date("Sun, 22 Nov 2026 12:00:00 -0000") == NOW


def test_a_date_of_another_zone_is_converted() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5)))
    assert parse_retry_after_s(format_datetime(there), NOW - timedelta(seconds=9)) == 9.0


@pytest.mark.parametrize("text", ["", "never", "12.5", "0x10", "-1"])
def test_what_is_neither_seconds_nor_a_date_is_none(text: str) -> None:
    assert parse_retry_after_s(text, NOW) is None


@given(MOMENTS)
def test_the_time_of_modification_is_read_to_the_second(moment: datetime) -> None:
    text = format_datetime(moment, usegmt=True)
    assert parse_last_modified(text) == int(moment.timestamp()) * 10**9


@given(st.text() | st.sampled_from(["Wed, 31 Dec 1969 23:59:59 GMT", "Mon, 1 Jan 0001 0:00 GMT"]))
def test_what_is_no_time_of_modification_is_none(value: str) -> None:
    assert (parse_last_modified(value) or 0) >= 0
