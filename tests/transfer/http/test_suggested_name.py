"""Names that servers suggest for files."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dlcore.transfer.http.suggested_name import suggested_name


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ('attachment; filename="a b.iso"', "a b.iso"),
        ("attachment; filename=a.iso", "a.iso"),
        ("inline; filename*=UTF-8''na%C3%AFve.iso; filename=naive.iso", "naïve.iso"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        (r'attachment; filename="..\\..\\evil.exe"', "evil.exe"),
        ("attachment; filename*=UTF-8''a%2F..%2Fb", "b"),
        ('attachment; filename=".profile"', ""),
        ('attachment; filename="folder/"', ""),
        ("attachment", ""),
        ("", ""),
    ],
)
def test_only_the_last_component_of_a_suggested_name_counts(value: str, name: str) -> None:
    assert suggested_name(value) == name


@given(st.text())
@example("attachment; filename=../../x")
@example("attachment; filename*=utf-16''%zz")
@example(";;;=")
def test_any_text_gives_a_name_without_a_folder_and_no_warning(text: str) -> None:
    for value in (text, f'attachment; filename="{text}"', f"attachment; filename*=UTF-8''{text}"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            name = suggested_name(value)
        assert "/" not in name
        assert "\\" not in name
        assert not name.startswith(".")
