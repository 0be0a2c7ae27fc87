from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.emulator.ranges import answer_range


@pytest.mark.parametrize(
    ("header", "status", "content_range", "start", "end"),
    [
        ("bytes=0-0", 206, "bytes 0-0/10", 0, 1),
        ("bytes=0-9", 206, "bytes 0-9/10", 0, 10),
        ("bytes=9-9", 206, "bytes 9-9/10", 9, 10),
        ("bytes=4-", 206, "bytes 4-9/10", 4, 10),
        ("bytes=4-99", 206, "bytes 4-9/10", 4, 10),
        ("bytes=10-10", 416, "bytes */10", 0, 0),
        ("bytes=10-", 416, "bytes */10", 0, 0),
        ("bytes=9999999999999999999-", 416, "bytes */10", 0, 0),
        (None, 200, None, 0, 10),
        ("bytes=5-4", 200, None, 0, 10),
        ("bytes=-3", 200, None, 0, 10),
        ("bytes=0-1,3-4", 200, None, 0, 10),
        ("bytes=a-b", 200, None, 0, 10),
        ("bytes=٣-٤", 200, None, 0, 10),
        ("items=0-1", 200, None, 0, 10),
    ],
)
def test_a_range_is_answered_as_azure_does(
    header: str | None, status: int, content_range: str | None, start: int, end: int
) -> None:
    answer = answer_range(header, 10)
    assert (answer.status, answer.start, answer.end) == (status, start, end)
    assert answer.headers.get("Content-Range") == content_range


def test_an_empty_thing_has_a_whole_but_no_range() -> None:
    assert answer_range(None, 0).status == 200
    assert answer_range("bytes=0-0", 0).status == 416
    assert answer_range("bytes=0-", 0).status == 416


@settings(derandomize=True)
@given(st.integers(0, 100), st.integers(0, 100), st.integers(1, 50))
def test_what_is_answered_is_what_was_asked_and_exists(first: int, last: int, length: int) -> None:
    answer = answer_range(f"bytes={first}-{last}", length)
    body = range(length)[answer.start : answer.end]
    if last < first:
        assert list(body) == list(range(length))
    else:
        assert list(body) == [at for at in range(length) if first <= at <= last]
