"""How systemd reads a command: its manual, and what its own program says of a unit."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

_SIMPLE = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "s": 32}
_ITSELF = "\\\"'"


def words_of(value: str, environment: Mapping[str, str]) -> list[str]:
    """The words of a value of ``ExecStart=``, variables and specifiers replaced.

    Knows no specifier but ``%%``.

    Source: man 7 systemd.syntax, "Quoting"; man 5 systemd.service, "Command lines".
    """
    words = [_without_specifiers(each) for each in _split(os.fsencode(value))]
    return [words[0], *(_with_variables(each, environment) for each in words[1:])]


def _split(value: bytes) -> list[str]:
    words: list[bytes] = []
    word: bytearray | None = None
    quote = 0
    at = 0
    while at < len(value):
        byte = value[at]
        at += 1
        if byte == ord("\\"):
            taken, at = _escaped(value, at)
            word = (word or bytearray()) + taken
        elif quote and byte == quote:
            quote = 0
        elif quote:
            assert word is not None
            word.append(byte)
        elif byte in b"\"'":
            quote, word = byte, word or bytearray()
        elif byte in b" \t\n\r":
            if word is not None:
                words.append(bytes(word))
            word = None
        else:
            word = (word or bytearray()) + bytes([byte])
    assert not quote, "an open quote"
    return [os.fsdecode(each) for each in ([*words, bytes(word)] if word is not None else words)]


def _escaped(value: bytes, at: int) -> tuple[bytes, int]:
    letter = chr(value[at])
    if letter in _SIMPLE:
        return bytes([_SIMPLE[letter]]), at + 1
    if letter in _ITSELF:
        return letter.encode(), at + 1
    assert letter == "x", f"unknown: {letter}"
    code = int(value[at + 1 : at + 3], 16)
    assert code, "systemd has no zero byte"
    return bytes([code]), at + 3


def _without_specifiers(word: str) -> str:
    assert not re.search(r"%(?!%)", word.replace("%%", "")), word
    return word.replace("%%", "%")


def _with_variables(word: str, environment: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else environment.get(match[1] or match[2], "")

    return re.sub(r"\$\$|\$\{(\w+)\}|\$(\w+)", value, word)


def shown_words(line: str) -> list[str]:
    """The words of a command as systemd shows it: quoted for a shell, with C's escapes."""
    return [_unshown(each) for each in re.findall(r'"(?:[^"\\]|\\.)*"|\S+', line)]


def _unshown(word: str) -> str:
    if not word.startswith('"'):
        return word
    text = os.fsencode(word[1:-1])
    out = bytearray()
    at = 0
    while at < len(text):
        if text[at] != ord("\\"):
            out.append(text[at])
            at += 1
        elif chr(text[at + 1]) in "$`\"\\'":
            out.append(text[at + 1])
            at += 2
        elif 0x30 <= text[at + 1] <= 0x37:
            out.append(int(text[at + 1 : at + 4], 8))
            at += 4
        else:
            taken, at = _escaped(text, at + 1)
            out += taken
    return os.fsdecode(bytes(out))
