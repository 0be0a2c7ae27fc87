"""What a Windows program makes of its command line."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.steps.commands.quoting.windows_arguments import arguments_of


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        # The examples of the documentation.
        ('p "a b c" d e', ["p", "a b c", "d", "e"]),
        ('p "ab\\"c" "\\\\" d', ["p", 'ab"c', "\\", "d"]),
        ('p a\\\\\\b d"e f"g h', ["p", "a\\\\\\b", "de fg", "h"]),
        ('p a\\\\\\"b c d', ["p", 'a\\"b', "c", "d"]),
        ('p a\\\\\\\\"b c" d e', ["p", "a\\\\b c", "d", "e"]),
        ('p a"b"" c d', ["p", 'ab" c d']),
        # The program.
        ('"C:\\a b\\setup.exe" /auto Upgrade', ["C:\\a b\\setup.exe", "/auto", "Upgrade"]),
        ("C:\\x\\setup.exe", ["C:\\x\\setup.exe"]),
        # A folder whose last backslash stands before the closing mark.
        ('p /installdrivers "C:\\a b\\" /quiet', ["p", "/installdrivers", 'C:\\a b" /quiet']),
        ('p "" x', ["p", "", "x"]),
    ],
)
def test_a_line_is_taken_apart_as_documented(line: str, arguments: list[str]) -> None:
    assert arguments_of(line) == arguments


TEXTS = st.text('ab \t"\\/', max_size=8)


@given(st.lists(TEXTS, max_size=5))
def test_what_python_puts_together_comes_out_again(arguments: list[str]) -> None:
    line = subprocess.list2cmdline(["program", *arguments])
    assert arguments_of(line) == ["program", *arguments]
