"""Patterns of paths in a package."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.manifest import Patterns
from dlcore.manifest.patterns import matches

PATHS = st.lists(st.text("abAB.", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join)


@pytest.mark.parametrize(
    ("path", "pattern", "is_match"),
    [
        ("a/b/c.inf", "*.inf", True),
        ("c.inf", "*.INF", True),
        ("A/b/c.inf", "a/*.inf", False),
        ("a/c.inf", "A\\*.inf", True),
        ("a/b/c.inf", "a/**/*.inf", True),
        ("a/c.inf", "a/**/*.inf", True),
        ("a/b/c.inf", "a/**", True),
        ("a", "a/**", False),
        ("a/b/c.inf", "a/", True),
        ("x/a/c.inf", "a/", True),
        ("x/a/c.inf", "/a/", False),
        ("a/b/c.inf", "a/b", True),
        ("x/a/b", "a/b", False),
        ("x/a/b", "**/a/b", True),
        ("a/b", "**", True),
        ("a1.cab", "a[0-9].cab", True),
        ("ab.cab", "a?.ca", False),
    ],
)
def test_a_pattern_means_paths(path: str, pattern: str, *, is_match: bool) -> None:
    assert matches(path, pattern) is is_match


@given(PATHS, PATHS)
def test_a_path_as_a_pattern_means_itself_and_what_is_below(path: str, below: str) -> None:
    assert matches(path, f"/{path}")
    assert matches(f"{path}/{below}", f"/{path}")
    assert matches(path.swapcase(), f"/{path}")
    assert matches(f"{path}/{below}", f"{path}/**")


@given(PATHS, st.lists(PATHS), st.lists(PATHS))
def test_what_is_excluded_is_never_selected(
    path: str, include: list[str], exclude: list[str]
) -> None:
    patterns = Patterns(tuple(include), tuple(exclude))
    is_excluded = any(matches(path, each) for each in exclude)
    assert not (is_excluded and patterns.select(path))
    assert Patterns((), ()).select(path)
