"""A name that was misspelt is recognised, and none is suggested that has nothing to do with it."""

from __future__ import annotations

import pytest

from dlcore.spelling import IDS, hint, nearest

PACKAGES = ("ABC00012", "ABC00345", "XYZ00007")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("ABC00013", "ABC00012"),  # one character
        ("ABC00435", "ABC00345"),  # two exchanged
        ("ABD00345", "ABC00345"),
        ("ABC00999", ""),  # of the same site, and another package
        ("XYZ00012", ""),
    ],
)
def test_an_id_is_suggested_only_for_a_slip(given: str, meant: str) -> None:
    assert nearest(given, PACKAGES, alike=IDS) == meant


def test_a_word_is_suggested_if_it_is_alike() -> None:
    assert hint("conections", ["url", "connections"]) == " (did you mean connections?)"
    assert hint("zzz", ["url", "connections"]) == ""
    assert hint("url", []) == ""
