"""Makes new inputs from those of a corpus. Pure: the same random numbers give the same inputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from random import Random

MAX_CHANGES = 4
MAX_SPAN_BYTES = 64
TOKENS = (
    *(b'"', b"'", b"{", b"}", b"[", b"]", b",", b":", b"\\", b"/", b"=", b";", b"\r\n", b" "),
    *(b"<", b">", b"&", b"<!DOCTYPE a>", b"<![CDATA[", b"&#0;", b"]]>", b"<?xml version='1.0'?>"),
    *(b"\0", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xe2\x80\xae", b"\xed\xa0\x80", b"\\ud800"),
    *(b"..", b"../", b"/../", b"%2e%2e/", b"%00", b"C:\\", b"NUL", b"https://a@b/", b"sccm?/"),
    *(b"null", b"true", b"NaN", b"1e999", b"[[[[[[[[", b'{"a":' * 8, b"<a>" * 8),
)
NUMBERS = (b"0", b"-1", b"1", b"255", b"4096", b"2147483648", b"9223372036854775807")
LONG_NUMBERS = (b"9223372036854775808", b"18446744073709551616", b"9" * 40)

_DIGITS = re.compile(rb"[0-9]+")
Change = Callable[[bytes, Random, Sequence[bytes]], bytes]


def mutations(seeds: Sequence[bytes], random: Random) -> Iterator[bytes]:
    """New inputs without end, each a seed with a few changes."""
    while True:
        data = random.choice(seeds)
        for _ in range(random.randint(1, MAX_CHANGES)):
            data = random.choice(CHANGES)(data, random, seeds)
        yield data


def _span(data: bytes, random: Random) -> tuple[int, int]:
    start = random.randint(0, len(data))
    return start, min(len(data), start + random.randint(0, MAX_SPAN_BYTES))


def _flip_bit(data: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    if not data:
        return data
    changed = bytearray(data)
    changed[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _replace_span(data: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, random)
    return data[:start] + random.randbytes(random.randint(0, 8)) + data[end:]


def _remove_span(data: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, random)
    return data[:start] + data[end:]


def _repeat_span(data: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, random)
    return data[:end] + data[start:end] * random.choice((1, 1, 2, 50)) + data[end:]


def _insert_token(data: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + random.choice(TOKENS) + data[at:]


def _change_number(data: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    found = list(_DIGITS.finditer(data))
    if not found:
        return data
    number = random.choice(found)
    new = random.choice((*NUMBERS, *LONG_NUMBERS, b"%d" % (int(number[0][:30]) + 1)))
    return data[: number.start()] + new + data[number.end() :]


def _truncate(data: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    return data[: random.randint(0, len(data))]


def _splice(data: bytes, random: Random, seeds: Sequence[bytes]) -> bytes:
    other = random.choice(seeds)
    return data[: random.randint(0, len(data))] + other[random.randint(0, len(other)) :]


CHANGES: tuple[Change, ...] = (
    *(_flip_bit, _replace_span, _remove_span, _repeat_span),
    *(_insert_token, _change_number, _truncate, _splice),
)
