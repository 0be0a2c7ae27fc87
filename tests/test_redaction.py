"""No credential survives redaction, and what is harmless stays readable."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dlcore.redaction import redact, redact_named, without_tokens

CANARY = "cAnArY0123456789"
AROUND = st.text(st.characters(exclude_characters="?#", max_codepoint=0x2FF))
DIGEST = "0123456789abcdef" * 4


@given(st.sampled_from("?#"), AROUND, AROUND)
def test_nothing_of_a_query_or_fragment_is_shown(mark: str, before: str, after: str) -> None:
    """Fault K4: a signed URL is logged. dlcore shows nothing of its query, whatever the
    names are.
    """
    shown = redact(f"https://h/p{mark}{before}{CANARY}{after}")
    assert CANARY not in shown
    assert shown.endswith(f"{mark}***")


@pytest.mark.parametrize(
    "url",
    [
        f"https://h/o?comp=list&x={CANARY}",
        f"https://h/o?pid={CANARY}",
        f"https://h/o?key={CANARY}",
        f"https://h/o?comp={CANARY}",
        f"https://h/o?{CANARY}=list",
        f"https://h/o?comp=list#{CANARY}",
        f"https://h/o;jsessionid={CANARY}/p",
        f"https://h/sccm?/a={CANARY}",
        f"https://h/sccm?/a?{CANARY}",
        f"https://h/x?/{CANARY}",
    ],
)
def test_only_what_is_known_to_be_harmless_is_shown(url: str) -> None:
    assert CANARY not in redact(url)


@given(st.text(st.characters(exclude_characters="/?#@", max_codepoint=0x2FF)))
def test_userinfo_is_never_shown(around: str) -> None:
    assume(CANARY not in around)
    for start in ("https://", "//", ""):
        assert CANARY not in redact(f"{start}user{around}:{CANARY}{around}@host/p")


@pytest.mark.parametrize(
    "url",
    [
        f"https://h:{CANARY}/f",
        f"https://h:{CANARY}",
        f"https://[::1]:{CANARY}/f",
        f"https://bob:80{CANARY}/f",
        f"https://bob:SEC/{CANARY}@h/f",
        f"https://bob:{CANARY}/x@y/{CANARY}@h/f",
        f"https://bob:x/{CANARY}\n@h:80/f",
    ],
)
def test_a_password_with_a_slip_of_the_pen_is_not_shown(url: str) -> None:
    assert CANARY not in redact(url)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"ftp://bob:{CANARY}@h/f", "ftp://***@h/f"),
        (f"htps://h/f?sig={CANARY}", "htps://h/f?***"),
        (f"https:/h/f?sig={CANARY}", "https:/h/f?***"),
        (f"https:/bob:{CANARY}@h/f", "https:/***@h/f"),
        (f"bob:{CANARY}@h/f", "***@h/f"),
        (f"{CANARY}@h/f", "***@h/f"),
        (f"//bob:{CANARY}@h/f", "//***@h/f"),
        (f"bob:SEC/{CANARY}@h/f", "***@h/f"),
        (f"ftp://h:{CANARY}/f", "ftp://h:***/f"),
    ],
)
def test_a_mistyped_url_shows_no_credential(text: str, shown: str) -> None:
    """Fault: somebody mistypes a URL with a password. dlcore shows it without that."""
    assert redact_named(text) == shown


@pytest.mark.parametrize(
    "path", ["ABC00012", "./é/a@b", "/srv/a@b", "C:\\Pakete\\größer@2.json", "../x"]
)
def test_a_path_or_id_that_dlcore_does_not_know_is_shown_as_it_is(path: str) -> None:
    assert redact_named(path) == path


@given(st.text())
def test_any_text_is_redacted_to_printable_ascii(text: str) -> None:
    assert all(" " <= character <= "~" for character in redact(text))


@pytest.mark.parametrize(
    "url",
    [
        "https://h:8443/@scope/p@2:1/f",
        "https://[::1]:8443/@scope/f",
        "https://h:/f",
        "https://account.blob.core.windows.net/content?restype=container&comp=list",
        "http://dp/SMS_DP_SMSPKG$/ABC00012/sccm?/drivers/a.inf",
        "https://cmg/downloadrestservice.svc/document?key=catalog.json",
        f"https://cmg/downloadrestservice.svc/document?key=manifests%2F{DIGEST}.json",
        "https://cmg/downloadrestservice.svc/getcontentxmlsecure?pid=ABC00012",
    ],
)
def test_a_url_without_secrets_stays_readable(url: str) -> None:
    assert redact(url) == url


def test_the_place_of_what_is_hidden_stays_readable() -> None:
    assert redact("https://h/o?comp=list&sig=abc%2Fdef&sp=r") == "https://h/o?comp=list&***"
    assert redact("https://me:pw@h:1/o;v=1/p?x=1#y") == "https://***@h:1/o;***/p?***#***"


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
SAS = "sv=2023-01-03&sr=c&sp=rl&sig=QWxhZGRpbjpvcGVuIHNlc2FtZQ%3D"
KEY = "Zm9vYmFyZm9v/2JhcmZvb2Jhcg+Zm9vYmFyZm9vYmFyMTIzNDU2Nzg5MGFiY2Q0aA=="


@pytest.mark.parametrize("token", [JWT, SAS, KEY], ids=["JWT", "SAS", "base64"])
@pytest.mark.parametrize("around", ["{}", "'{}' is not a number", "there is no option --{} here"])
def test_what_looks_like_a_token_is_not_repeated(token: str, around: str) -> None:
    assert without_tokens(around.format(token)) == around.format("***")


@pytest.mark.parametrize(
    "text",
    [
        "a" * 64,
        "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08",
        "/home/Someone/Documents/Packages/ABC00012.1-8e1d6cde73681830/content/setup.exe",
        "/srv/Windows11Enterprise23H2x64German/SomeVeryLongFolderName2024/DriversOfHewlettPackard",
        "Content_3f2504e0-4f89-11d3-9a0c-0305e82c3301.12",
        r"C:\ProgramData\Microsoft\SomeLongNameOfAProgramThatNobodyKnows2019",
        "https://host.example/path?comp=list",
    ],
)
def test_what_is_no_token_stays(text: str) -> None:
    assert without_tokens(text) == text


@pytest.mark.parametrize("piece", [":", "a:", "a@", "@:", "//", ":0/", "?", "#", ";", "&sig=", "["])
def test_a_long_url_takes_no_time(piece: str) -> None:
    """Fault: a server names a URL of a megabyte, and it is told in a message. It is read in a
    moment; each of its colons was tried as the end of a user's name, for hours.
    """
    for beginning in ("https://", "https://host", "a@b//host"):
        assert redact(beginning + piece * (1_000_000 // len(piece)))
