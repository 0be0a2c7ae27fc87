"""Package ids: one rule, and all parts of dlcore agree on it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dlcore
from dlcore.errors import ConfigError, ManifestError
from dlcore.manifest import encode_catalog
from dlcore.model import Catalog, CatalogEntry
from dlcore.package_ids import HOW_TO_WRITE_A_PACKAGE_ID, content_version, package_id, published_id
from dlcore.tasksequence import needs, read
from tests.engine.scene import sequence, step

IDS = ["ABC00012", "0010000F", "XYZ00001", "P0112345", "999FFFFF", "SMS0ABCD"]
NOT_IDS = ["ABC0001G", "ABC0000", "ABC000123", "AB-00001", "ÄBC00001", "00000000", "LOCAL000", ""]


@pytest.mark.parametrize("text", IDS)
def test_any_site_code_and_any_hexadecimal_number_make_an_id(text: str) -> None:
    assert package_id(text) == text
    assert package_id(f" {text.lower()}\n") == text


@given(st.text(max_size=10))
def test_the_rule_is_three_letters_or_digits_and_five_hexadecimal_digits(text: str) -> None:
    is_id = re.fullmatch("[A-Z0-9]{3}[A-F0-9]{5}", text) and text != "00000000"
    assert (package_id(text) == text) is bool(is_id)


GUID = "a0b1c2d3-0000-4000-8000-00000000000f"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (" abc00012 ", "ABC00012"),
        (f"CONTENT_{GUID.upper()}.12", f"Content_{GUID}"),
        (f"Content_{GUID}", f"Content_{GUID}"),
        (GUID.upper(), GUID),
        (f"{GUID}.1", GUID),
        (f"{GUID}.0", None),
        (f"Content_{GUID[1:]}", None),
        ("00000000", None),
        ("", None),
    ],
)
def test_packages_and_contents_are_published_under_one_spelling(
    text: str, wanted: str | None
) -> None:
    assert published_id(text) == wanted
    if wanted:
        assert published_id(wanted) == wanted
        encode_catalog(Catalog(1, {wanted: CatalogEntry(1, "0" * 64, 1, 1)}))
        assert package_id(text) or content_version(text)
    if wanted != text:
        with pytest.raises(ManifestError):
            encode_catalog(Catalog(1, {text: CatalogEntry(1, "0" * 64, 1, 1)}))


def publish(text: str, folder: Path) -> None:
    source = folder / "source"
    source.mkdir()
    (source / "file").write_bytes(b"content")
    dlcore.publish_folder(source, package_id=text, version=1, destination=str(folder / "site"))


def write_catalog(text: str, folder: Path) -> None:
    del folder
    encode_catalog(Catalog(1, {text: CatalogEntry(1, "0" * 64, 1, 1)}))


def read_step(text: str, folder: Path) -> None:
    del folder
    (tree,) = read(sequence(step("s", package=text)), source="test").steps
    if not needs(tree):
        raise ConfigError("not an id", remedy=HOW_TO_WRITE_A_PACKAGE_ID)


PARTS = [publish, write_catalog, read_step]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("text", IDS)
def test_all_parts_take_an_id(text: str, part: Callable[..., None], tmp_path: Path) -> None:
    part(text, tmp_path)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("text", NOT_IDS)
def test_no_part_takes_what_is_not_one(
    text: str, part: Callable[..., None], tmp_path: Path
) -> None:
    """Fault: a package has an id that no step can name. dlcore refuses to publish it."""
    with pytest.raises((ConfigError, ManifestError)) as caught:
        part(text, tmp_path)
    assert caught.value.remedy == HOW_TO_WRITE_A_PACKAGE_ID


def test_an_id_in_lower_case_is_published_in_upper_case(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    site = str(tmp_path / "site")
    source = tmp_path / "source"
    done = dlcore.publish_folder(source, package_id="abc0000f", version=1, destination=site)
    assert done.package_id == "ABC0000F"


@pytest.mark.parametrize("text", ["ABC0001G", "abcdefgh"])
async def test_what_is_not_an_id_is_not_looked_up(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither a package id") as caught:
        await dlcore.fetch(text, to=tmp_path / "to", endpoints=[str(tmp_path)])
    assert caught.value.remedy == HOW_TO_WRITE_A_PACKAGE_ID
