"""What one fetch names has one pool of connections, and so shows a wrong password once."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore import Access, FetchItem, fetch_many
from tests.transfer.refused_login import refusing_login


@pytest.mark.posix_only(
    reason="Windows' own NTLM treats a server on the same machine in another way"
)
async def test_a_fetch_of_a_package_and_a_url_shows_a_wrong_password_once(tmp_path: Path) -> None:
    """Fault: a package and a file come from a server that refuses the password. dlcore shows it
    once for both.
    """
    async with refusing_login(tmp_path) as (url, guard, login):
        results = await fetch_many(
            [FetchItem(f"{url}/a.bin", "0" * 64), FetchItem("ABC00001")],
            to=tmp_path / "to",
            endpoints=[f"{url}/site"],
            catalog_sha256="0" * 64,
            access=Access(web=login),
            deliveries=tmp_path / "d",
        )
    assert all(result.error for result in results)
    assert len(guard.shown) == 1
