"""No credential survives redaction, and what is harmless stays readable."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dlcore.transfer.http.redaction import printable, redact

SECRET_NAMES = [
    *("sig", "Signature", "token", "access_token", "id_token", "code", "AWSAccessKeyId"),
    *("X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "x-amz-date"),
    *("X-Goog-Signature", "X-Goog-Credential", "client_secret", "password", "pwd", "apikey"),
]
CANARY = "cAnArY0123456789"


@given(
    st.sampled_from(SECRET_NAMES),
    st.sampled_from([str, str.upper, str.lower, quote]),
    st.sampled_from("?&;#"),
    st.text(st.characters(blacklist_characters="&;#?=", max_codepoint=0x2FF)),
)
def test_the_value_of_a_secret_name_is_never_shown(
    name: str, spelled: object, mark: str, around: str
) -> None:
    assert callable(spelled)
    shown = redact(f"https://h/p?sv=2021{mark}{spelled(name)}={around}{CANARY}{around}&end=1")
    assert CANARY not in shown
    assert shown.endswith("&end=1")


def test_a_name_that_is_percent_encoded_does_not_slip_through() -> None:
    assert CANARY not in redact(f"https://h/p?s%69g={CANARY}")


@given(st.text(st.characters(blacklist_characters="/?#@", max_codepoint=0x2FF)))
def test_userinfo_is_never_shown(around: str) -> None:
    assume(CANARY not in around)
    assert CANARY not in redact(f"https://user{around}:{CANARY}{around}@host/p")


@given(st.text())
def test_any_text_is_redacted_to_printable_ascii(text: str) -> None:
    assert all(" " <= character <= "~" for character in redact(text))


@pytest.mark.parametrize(
    "url",
    [
        "https://account.blob.core.windows.net/content/objects/ab12?sv=2021&sr=c&se=2026",
        "http://dp/SMS_DP_SMSPKG$/ABC00012/sccm?/drivers/a.inf",
        "https://cmg/downloadrestservice.svc/document?key=catalog.json",
        "https://cmg/downloadrestservice.svc/getcontentxmlsecure?pid=ABC00012&cid=00ff",
    ],
)
def test_a_url_without_secrets_stays_readable(url: str) -> None:
    assert redact(url) == url


def test_the_rest_of_a_signed_url_stays_readable() -> None:
    assert redact("https://h/o?sv=1&sig=abc%2Fdef&sp=r") == "https://h/o?sv=1&sig=***&sp=r"


def test_foreign_text_is_shortened() -> None:
    assert printable("x" * 1000, max_characters=10) == "x" * 10 + "..."
