"""What of a header is a secret, and that no reply may repeat it."""

from __future__ import annotations

import base64

import pytest

from dlcore.transfer.http.sent_fields import SentFields, repeats_secret, with_fields

CANARY = "cAnArY0123456789"
LOGIN = base64.b64encode(f"anna:{CANARY}".encode()).decode()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("Authorization", f"Bearer {CANARY}", CANARY),
        ("Authorization", f"Bearer {CANARY}", f"https://{CANARY}.example/x"),
        ("Authorization", f"Basic {LOGIN}", LOGIN),
        ("Authorization", f"basic {LOGIN}", CANARY),
        ("X-Api-Key", CANARY, f"%63{CANARY[1:]}"),
        ("Cookie", f"a=b; session={CANARY}", f"/x/{CANARY}"),
        ("Cookie", f"session={CANARY}; a=b", f"/x/{CANARY}"),
        ("X-Key", f"{CANARY} b", CANARY),
        ("Authorization", f"AWS4-HMAC-SHA256 Credential=a, Signature={CANARY}", CANARY),
    ],
)
def test_a_reply_that_repeats_a_part_of_a_secret_is_recognised(
    name: str, value: str, told: str
) -> None:
    fields = SentFields.of({name: value, "X-Region": "eu-central-one"}, [name])
    assert repeats_secret(told, fields)
    assert repeats_secret(told.encode(), with_fields(fields, {"Range": "bytes=0-0"}))
    assert CANARY not in repr(fields)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("X-Region", "eu-central-one", "https://eu-central-one.example"),
        ("Authorization", f"AWS4-HMAC-SHA256 Signature={CANARY}", "AWS4-HMAC-SHA256"),
        ("Accept", "application/json", "application/json"),
        ("Authorization", "Basic !", "Basic !"),
        ("Authorization", "Basic A", "Basic A"),
        ("Authorization", "", "Basic A"),
    ],
)
def test_what_is_no_secret_may_be_repeated(name: str, value: str, told: str) -> None:
    secret = [] if name == "X-Region" else [name]
    assert not repeats_secret(told, SentFields.of({name: value}, secret))
    assert not repeats_secret(told, {name: value})
