"""What servers offer with a 401, and the tokens that they send along."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from dlcore.transfer.http.auth_challenges import (
    MAX_TOKEN_BYTES,
    credential_of,
    offered_schemes,
    offers_of,
    token_of,
)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], {}),
        (["Negotiate", "NTLM"], {"negotiate": "", "ntlm": ""}),
        (["Negotiate, NTLM"], {"negotiate": "", "ntlm": ""}),
        (["NTLM TlRMTQ=="], {"ntlm": "TlRMTQ=="}),
        (['Basic realm="NTLM, Negotiate"'], {"basic": 'realm="NTLM, Negotiate"'}),
        (['Digest realm="a", qop="auth", nonce=x', "ntlm"], {"digest": 'realm="a"', "ntlm": ""}),
        (['Basic realm="a \\" , NTLM"'], {"basic": 'realm="a \\" , NTLM"'}),
        ([", ,"], {}),
    ],
)
def test_schemes_are_told_from_what_belongs_to_them(
    fields: list[str], expected: dict[str, str]
) -> None:
    assert offered_schemes(fields) == expected


@pytest.mark.parametrize("piece", ['\\"', '"a', '"\\', "a\\", '", "'])
def test_a_quotation_without_an_end_is_read_once(piece: str) -> None:
    """Fault: a server's challenge opens quotations and closes none. dlcore takes the rest for one,
    and does not read it again from each of its characters, which took a minute for one answer.
    """
    rest = piece * (1_000_000 // len(piece))
    assert "basic" in offered_schemes([f'Basic realm="{rest}'])


def test_nothing_in_a_quotation_without_an_end_is_a_scheme() -> None:
    assert list(offered_schemes(['Basic realm="x\\", NTLM'])) == ["basic"]


def test_only_known_names_are_repeated() -> None:
    """Fault: a server puts a credential where the name of a scheme belongs. dlcore hides it."""
    headers = CIMultiDict([("WWW-Authenticate", "canary"), ("WWW-Authenticate", "nTlM")])
    assert offers_of(headers) == ("NTLM",)


@given(st.binary(max_size=200))
def test_a_token_comes_back_as_it_was_sent(token: bytes) -> None:
    assert token_of(credential_of("NTLM", token).partition(" ")[2]) == (token or None)


@pytest.mark.parametrize("text", ["", "a", "===", "\xe4\xe4\xe4\xe4", "A" * (MAX_TOKEN_BYTES + 4)])
def test_what_is_no_token_is_none(text: str) -> None:
    assert token_of(text) is None


@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_text_is_read(fields: list[str]) -> None:
    for scheme, text in offered_schemes(fields).items():
        assert scheme
        token_of(text)
