"""The table ``[packages]`` of a deployment file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.deployment import Deployment, StatedPackage, parse_deployment
from dlcore.errors import ConfigError

PATH = Path("/etc/dlcore/deployment.toml").absolute()
HASH = "aB" * 32
STATED = f'[packages.ABC00012]\ncontent_hash = "{HASH}"\n'
POINT = '[[endpoint]]\nname = "dp1"\nkind = "dp"\nurl = "http://dp1/SMS_DP_SMSPKG$"\n'
FOLDER = '[[endpoint]]\nname = "disk"\nkind = "file"\npath = "published"\n'


def parsed(text: str) -> Deployment:
    return parse_deployment(text.encode(), PATH)


@pytest.mark.parametrize("before", ["", "sha256:", "SHA256:"])
def test_a_hash_may_name_its_algorithm(before: str) -> None:
    text = f'[packages.abc00012]\ncontent_hash = "{before}{HASH}"\nversion = 3\n{POINT}'
    assert parsed(text).packages == {"ABC00012": StatedPackage(HASH.upper(), 3)}


def test_no_catalog_is_needed_where_distribution_points_say_what_packages_are() -> None:
    for text in (STATED + FOLDER, POINT):
        assert not parsed(text).catalog.path
    with pytest.raises(ConfigError, match="names no catalog"):
        parsed(FOLDER)
    with pytest.raises(ConfigError, match="names no catalog"):
        parsed(POINT + FOLDER)
    both = f'[catalog]\npath = "catalog.json"\n{STATED}{POINT}'
    assert parsed(both).catalog.path == str(PATH.parent / "catalog.json")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (STATED.replace("ABC00012", "ABC12"), '"ABC12" is not a package id'),
        (STATED.replace(HASH, HASH[1:]), "ABC00012.content_hash is not a SHA-256"),
        (STATED.replace(HASH, f"md5:{HASH}"), "ABC00012.content_hash is not a SHA-256"),
        ("[packages.ABC00012]\nversion = 3\n", "content_hash is missing"),
        (f"{STATED}version = 0\n", "version"),
        (f"{STATED}size = 5\n", "size is not a known key"),
        (STATED + STATED.replace("ABC00012", "abc00012"), "ABC00012 is listed twice"),
        (f'{STATED}[trust]\nroot = "root.json"\n', "a root is pinned"),
    ],
)
def test_what_cannot_be_used_is_refused(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parsed(text + POINT)
