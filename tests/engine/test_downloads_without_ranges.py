"""Downloads over endpoints that send whole objects only, in virtual time."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.engine.download.retry import Retry
from dlcore.errors import (
    Fault,
)
from tests.engine.fakes import (
    GOOD,
    Asked,
    FakeEndpoint,
    Reply,
    fetch,
    opened,
    package,
)
from tests.engine.virtual_time import virtually
from tests.store.helpers import BLOCK_BYTES

AT_ONCE = Retry(count=0)


def failing(fault: Fault) -> Reply:
    return Reply(fault)


def without_ranges(asked: Asked) -> Reply:
    return GOOD if asked.from_beginning else failing(Fault.NO_RANGES)


@pytest.mark.parametrize("whole", [False, True])
def test_an_endpoint_without_ranges_is_read_in_one_stream(tmp_path: Path, whole: bool) -> None:
    """Fault H1: a server ignores ranges. dlcore reads each object in one stream."""
    packages = {"ABC00004": package("ABC00004", {"x": 300 * BLOCK_BYTES + 7}, whole=whole)}
    plain = FakeEndpoint("plain", packages, without_ranges)
    virtually(fetch(tmp_path, packages, [plain], retry=AT_ONCE))
    streams = [asked for asked in plain.asked if asked.from_beginning]
    length = len(packages["ABC00004"].objects[0])
    assert plain.delivered_bytes == length
    assert streams[-1].end == length
    assert len(streams) <= 2, "one, and one for a block that was split before that was known"


def test_to_find_out_that_a_server_lacks_ranges_is_no_failure_of_it(tmp_path: Path) -> None:
    """Fault: a server without ranges is blamed for dlcore's own probing. It has no failure."""

    async def failures() -> dict[str, int]:
        async with opened(tmp_path, packages, [plain], retry=AT_ONCE) as content:
            content.order(list(packages))
            await content.path("ABC00004")
            figures, progress = content.downloads.figures(), content.downloads.progress()
            return {**figures["plain"].faults, "told": progress.endpoints["plain"].failures}

    packages = {"ABC00004": package("ABC00004", {"x": 300 * BLOCK_BYTES + 7})}
    plain = FakeEndpoint("plain", packages, without_ranges)
    assert virtually(failures()) == {"told": 0}
    assert not all(asked.from_beginning for asked in plain.asked), "it was tried"


def test_an_endpoint_that_is_known_to_lack_ranges_is_asked_once(tmp_path: Path) -> None:
    packages = {"ABC00004": package("ABC00004", {"x": 300 * BLOCK_BYTES + 7})}
    plain = FakeEndpoint("plain", packages, without_ranges)
    plain.sends_ranges = False
    virtually(fetch(tmp_path, packages, [plain], retry=AT_ONCE))
    assert [asked.from_beginning for asked in plain.asked] == [True]


def test_a_stream_that_breaks_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    def breaks_once(asked: Asked) -> Reply:
        is_first = asked.from_beginning and not any(a.from_beginning for a in plain.asked[:-1])
        if is_first:
            return Reply(Fault.TRUNCATED, after_bytes=100 * BLOCK_BYTES)
        return without_ranges(asked)

    packages = {"ABC00004": package("ABC00004", {"x": 300 * BLOCK_BYTES + 7})}
    plain = FakeEndpoint("plain", packages, breaks_once)
    virtually(fetch(tmp_path, packages, [plain], retry=AT_ONCE))
    assert plain.asked[-1].start >= 100 * BLOCK_BYTES


def test_a_mirror_with_ranges_takes_over_the_end_of_the_stream(tmp_path: Path) -> None:
    packages = {"ABC00004": package("ABC00004", {"x": 300 * BLOCK_BYTES + 7})}
    plain = FakeEndpoint("plain", packages, without_ranges, rate_bytes_per_s=1e4)
    mirror = FakeEndpoint("mirror", packages, latency_s=1.0, rate_bytes_per_s=1e6)
    virtually(fetch(tmp_path, packages, [plain, mirror], retry=AT_ONCE))
    assert mirror.delivered_bytes > plain.delivered_bytes
    assert len([asked for asked in plain.asked if asked.from_beginning]) == 1
