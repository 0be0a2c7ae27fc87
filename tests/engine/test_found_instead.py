"""An endpoint of a kind that cannot say what a package is: what the refusal advises."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dlcore.engine.fetching.fetch import fetch
from dlcore.errors import ConfigError, DlcoreError

PACKAGE_ID = "ABC00012"
HASH = "0" * 64


def refused(folder: Path, *endpoints: str, told: str = "", pin: str = "") -> DlcoreError:
    with pytest.raises(ConfigError) as caught:
        asyncio.run(
            fetch(
                PACKAGE_ID,
                to=folder / "to",
                endpoints=endpoints,
                deliveries=folder / "records",
                content_hash=told,
                catalog_sha256=pin,
            )
        )
    return caught.value


@pytest.mark.parametrize("pin", ["", HASH])
@pytest.mark.parametrize("url", ["https://dp1.corp/SMS_DP$", "http://dp1.corp:8080/SMS_DP$"])
def test_a_distribution_point_has_no_catalog(tmp_path: Path, url: str, pin: str) -> None:
    error = refused(tmp_path, f"dp+{url}", pin=pin)
    assert "dp1.corp is a distribution point, which has no catalog" in error.message
    assert "--content-hash HEX" in error.remedy
    assert "--from 'content-library+https://dp1.corp/SMS_DP$'" in error.remedy
    assert "--catalog FILE" in error.remedy


def test_a_content_library_has_no_catalog(tmp_path: Path) -> None:
    error = refused(tmp_path, f"content-library+{tmp_path}", pin=HASH)
    assert "is a content library, which has no catalog" in error.message


def test_a_content_hash_is_not_for_a_published_site(tmp_path: Path) -> None:
    error = refused(tmp_path, "https://dp1.corp/SMS_DP$", told=HASH)
    assert "--from 'dp+https://dp1.corp/SMS_DP$'" in error.remedy
    error = refused(tmp_path, str(tmp_path), told=HASH)
    assert f"--from 'content-library+{tmp_path}'." in error.remedy
    assert "dp+" not in error.remedy
    error = refused(tmp_path, "dp+https://dp1.corp", told=HASH, pin=HASH)
    assert f"the catalog says what {PACKAGE_ID} is" in error.message
