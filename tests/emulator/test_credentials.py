from __future__ import annotations

import base64
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.emulator.credentials import Signatures, Tokens
from tests.emulator.helpers import Time

PATH = "/storage/abc00012/objects/0123"


def members(query: str) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(query, strict_parsing=True))


def test_a_token_is_good_until_its_life_is_over(time: Time) -> None:
    tokens = Tokens("registered", 10.0, time)
    token = tokens.issue("registered") or ""
    time.now_s += 9.999
    assert tokens.accepts(token)
    time.now_s += 0.001
    assert not tokens.accepts(token)


@pytest.mark.parametrize("presented", ["", "registere", "registered ", "Registered", "\udc80"])
def test_only_the_registration_token_gets_an_access_token(presented: str, time: Time) -> None:
    assert Tokens("registered", 10.0, time).issue(presented) is None


@pytest.mark.parametrize("forged", ["", ".", "1-2.", "9999999999999999-00.AAAA", "\udc80.\udc80"])
def test_a_token_that_was_not_issued_is_refused(forged: str, time: Time) -> None:
    assert not Tokens("registered", 10.0, time).accepts(forged)


def test_a_token_cannot_be_made_to_live_longer(time: Time) -> None:
    tokens = Tokens("registered", 10.0, time)
    expiry, _, rest = (tokens.issue("registered") or "").partition("-")
    assert not tokens.accepts(f"{int(expiry) + 1}-{rest}")


def test_tokens_of_another_process_are_refused(time: Time) -> None:
    token = Tokens("registered", 10.0, time).issue("registered") or ""
    assert not Tokens("registered", 10.0, time).accepts(token)


def test_a_location_is_good_until_its_life_is_over(time: Time) -> None:
    signatures = Signatures(10.0, time)
    signed = members(signatures.sign(PATH))
    time.now_s += 9.999
    assert signatures.refusal(PATH, signed) is None
    time.now_s += 0.001
    assert "time frame" in (signatures.refusal(PATH, signed) or "")


def test_a_location_looks_like_a_shared_access_signature(time: Time) -> None:
    query = Signatures(3600.0, time).sign(PATH)
    signed = members(query)
    assert list(signed) == ["sv", "sr", "sp", "se", "sig"]
    assert signed["se"] == "2023-11-14T23:13:20.000000Z"
    assert len(base64.b64decode(signed["sig"], validate=True)) == 32
    assert not set(query) & set("+/:")  # a client that re-quotes is found out


def test_a_location_of_another_path_is_refused(time: Time) -> None:
    signatures = Signatures(10.0, time)
    signed = members(signatures.sign(PATH))
    assert signatures.refusal(PATH + "4", signed) == "Signature did not match."


@settings(derandomize=True)
@given(st.sampled_from(["sv", "sr", "sp", "se", "sig"]), st.text(max_size=40))
def test_no_member_of_a_location_can_be_altered(name: str, value: str) -> None:
    signatures = Signatures(10.0, Time())
    signed = members(signatures.sign(PATH))
    altered = {**signed, name: value}
    assert altered == signed or signatures.refusal(PATH, altered) == "Signature did not match."


@pytest.mark.parametrize("name", ["sv", "sr", "sp", "se", "sig"])
def test_no_member_of_a_location_can_be_left_out(name: str, time: Time) -> None:
    signatures = Signatures(10.0, time)
    signed = members(signatures.sign(PATH))
    del signed[name]
    assert signatures.refusal(PATH, signed) == "Signature did not match."
