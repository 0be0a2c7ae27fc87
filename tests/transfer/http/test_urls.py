"""A request line has the URL exactly as given, or the URL is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.transfer.http.urls import exact_url, is_protected, quote_unsafe


@pytest.mark.parametrize(
    "target",
    [
        "/SMS_DP_SMSPKG$/ABC00012/sccm?/a/b%20c.inf",
        "/content/o?sv=2021&sig=a%2Fb%3Ac%2B%3D&se=2026-01-01T00%3A00%3A00Z",
        "/a/../b//c/%2e%2e/?x=/../y?z",
        "/%41?%41",
    ],
)
def test_path_and_query_are_never_normalised(target: str) -> None:
    """Fault K7: a signed URL has escapes that libraries like to normalise. dlcore sends it as it
    stands.
    """
    assert exact_url(f"https://host:444{target}").raw_path_qs == target


@given(st.text())
def test_any_text_is_a_url_or_a_value_error_that_does_not_repeat_it(text: str) -> None:
    said = ""
    try:
        said = str(exact_url(f"https://host/canary{text}").raw_host)
    except ValueError as error:
        said = str(error)
    assert said == "host" or (said and "canary" not in said)


@pytest.mark.parametrize(
    "url",
    [
        *("", "/path", "host/path", "ftp://host/", "file:///etc/passwd", "data:,x", "https://"),
        *("https://user@host/", "https://:pw@host/", "https://host:99999/", "https://host/a b"),
        *("https://host/\r\nX: y", "https://host/\0", "https://höst/", "https://[::1/"),
    ],
)
def test_what_cannot_or_must_not_be_requested_is_refused(url: str) -> None:
    """Fault M8: a URL has another scheme, or credentials. dlcore refuses it."""
    with pytest.raises(ValueError):
        exact_url(url)


@pytest.mark.parametrize(
    ("url", "protected"),
    [
        ("https://host/", True),
        ("http://127.0.0.1/", True),
        ("http://127.8.9.1:80/", True),
        ("http://localhost:1/", True),
        ("http://[::1]/", True),
        ("http://host/", False),
        ("http://10.0.0.1/", False),
        ("http://localhost.example/", False),
        ("http://127.0.0.1.example/", False),
    ],
)
def test_credentials_travel_by_https_or_to_this_machine(url: str, *, protected: bool) -> None:
    assert is_protected(exact_url(url)) is protected


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E)))
def test_what_is_safe_is_not_quoted(text: str) -> None:
    assert quote_unsafe(text) == text


def test_spaces_and_foreign_letters_are_quoted() -> None:
    assert quote_unsafe("/sccm?/Ä b.txt") == "/sccm?/%C3%84%20b.txt"
