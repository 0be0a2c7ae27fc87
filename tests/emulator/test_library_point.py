"""What a request to the emulated content library may name: nothing outside of it."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from tests.library_points import FOLDER, point, serving_point


@pytest.mark.posix_only(reason="a folder of Windows cannot have such a name")
@pytest.mark.parametrize("folder", ["FileLib", "PkgLib", "DataLib"])
@pytest.mark.parametrize("spelled", ["C:", "C%3A", "a%3Astream"])
async def test_a_drive_is_no_part_of_a_path(folder: str, spelled: str, tmp_path: Path) -> None:
    """Fault: a request to the emulator names a drive of Windows in the middle of a path, which
    would lead there. Nothing is found by such a name.
    """
    for name in ("FileLib", "PkgLib", "DataLib"):
        for part in ("C:", "a:stream"):
            inner = tmp_path / name / part
            inner.mkdir(parents=True)
            (inner / "secret").write_bytes(b"canary")
    async with serving_point(point(tmp_path)) as url, aiohttp.ClientSession() as session:
        at = URL(f"{url.partition(FOLDER)[0]}{FOLDER}/{folder}/{spelled}/secret", encoded=True)
        async with session.get(at) as response:
            assert response.status == 404
        async with session.get(at.with_path(at.raw_path.removesuffix("/secret"))) as response:
            assert response.status == 404
