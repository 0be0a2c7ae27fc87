"""Digests of whole files: how they are named, and what is refused."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.digests import Digest, algorithm_named, digest_of_hex, parse_digest

ALGORITHMS = {
    "sha-1": "sha1",
    "sha-224": "sha224",
    "sha-256": "sha256",
    "sha-384": "sha384",
    "sha-512": "sha512",
    "blake2b-512": "blake2b",
}


@pytest.mark.parametrize(("name", "library"), ALGORITHMS.items())
def test_each_algorithm_is_that_of_the_standard_library(name: str, library: str) -> None:
    expected = hashlib.new(library, b"abc").digest()
    digest = parse_digest(f"{name}={expected.hex().upper()}")
    computed = digest.hash()
    computed.update(b"abc")
    assert digest == Digest(name, expected)
    assert computed.digest() == expected


@pytest.mark.parametrize("bits", [256, 384])
def test_shorter_blake2b_is_an_algorithm_of_its_own(bits: int) -> None:
    expected = hashlib.blake2b(b"abc", digest_size=bits // 8).digest()
    digest = digest_of_hex(f"blake2b-{bits}", expected.hex())
    computed = digest.hash()
    computed.update(b"abc")
    assert computed.digest() == expected


@pytest.mark.parametrize(
    ("text", "name"),
    [("SHA512", "sha-512"), ("sha-1", "sha-1"), ("BLAKE2b", "blake2b-512"), ("b", "")],
)
def test_names_are_read_as_people_spell_them(text: str, name: str) -> None:
    if name:
        assert algorithm_named(text) == name
    else:
        with pytest.raises(ValueError, match="is not one of sha-1"):
            algorithm_named(text)


@given(st.sampled_from(list(ALGORITHMS)), st.binary())
def test_a_digest_reads_as_it_is_written(name: str, data: bytes) -> None:
    digest = Digest(name, hashlib.new(ALGORITHMS[name], data).digest())
    assert parse_digest(str(digest)) == digest


@pytest.mark.parametrize(
    "text", ["", "sha-256", "md5=" + "0" * 32, "sha-512=12", "sha-1=" + "g" * 40]
)
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|does not have"):
        parse_digest(text)
