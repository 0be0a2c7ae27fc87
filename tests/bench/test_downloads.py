"""The ten downloads are difficult as they say, and are judged by what is on disk."""

from __future__ import annotations

import gzip
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.downloads import servers
from bench.downloads.__main__ import report
from bench.downloads.download import Download, Outcome, Verdict, tried
from bench.downloads.ten import SMALL, TEN
from bench.rivals.supplies import Supplies
from bench.rivals.tools import RIVALS
from bench.web import Page, Web, serving

pytestmark = pytest.mark.posix_only(reason="commands are run by the shell of POSIX")
SIZES = dict.fromkeys(("image.img", "disk.img", "large.img"), 3 * servers.LIE_BYTES)
CONTENT = bytes(range(256)) * (servers.LIE_BYTES // 100)


@pytest.fixture(scope="module")
def supplies(tmp_path_factory: pytest.TempPathFactory) -> Supplies:
    return Supplies(tmp_path_factory.mktemp("supplies"), SIZES | dict.fromkeys(SMALL, 10))


@pytest.fixture(scope="module")
def lying() -> Iterator[Web]:
    with serving(Web({"/": Page(CONTENT, servers.lying)})) as web:
        yield web


def outcome(
    download: Download, line: str, supplies: Supplies, folder: Path, bound_s: float = 30
) -> Verdict:
    plain = download._replace(lines={"liar": line}, with_bucket=False)
    found = tried(plain, "liar", supplies, folder / "scene", bound_s)
    assert not (folder / "scene").exists()
    return found.verdict


@pytest.mark.parametrize("download", TEN, ids=lambda download: download.name)
@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("true", Verdict.WRONG),
        ("false", Verdict.REFUSED),
        ("for name in $FILES; do echo wrong > $OUT/$name; done", Verdict.WRONG),
        ("for name in $FILES; do echo wrong > $OUT/$name; done; exit 3", Verdict.LEFT),
    ],
)
def test_a_program_is_judged_by_its_status_and_the_bytes_it_wrote(
    download: Download, line: str, verdict: Verdict, supplies: Supplies, tmp_path: Path
) -> None:
    files = download.files[:5]
    line = line.replace("$FILES", " ".join(files))
    assert outcome(download, line, supplies, tmp_path) is verdict


def test_a_program_that_does_not_end_is_killed(supplies: Supplies, tmp_path: Path) -> None:
    assert outcome(TEN[0], "sleep 60", supplies, tmp_path, 0.2) is Verdict.NO_END


def test_a_program_without_a_way_is_not_run(supplies: Supplies, tmp_path: Path) -> None:
    assert tried(TEN[0], "none", supplies, tmp_path / "scene") == Outcome(Verdict.NO_WAY)


@pytest.mark.parametrize("number", [0, 1, 6])
def test_who_ignores_redirects_ranges_and_compression_is_judged_by_that(
    number: int, supplies: Supplies, tmp_path: Path
) -> None:
    path = {0: "latest/image.img", 1: "image.img", 6: "disk.img"}[number]
    code = (
        "import sys, urllib.request as u;"
        " open(sys.argv[2], 'wb').write(u.urlopen(sys.argv[1]).read())"
    )
    name = TEN[number].files[0]
    line = f'{sys.executable} -c "{code}" $SITE/{path} $OUT/{name}'
    # It follows redirects, and does not decode.
    wanted = Verdict.WRONG if number == 6 else Verdict.RIGHT
    assert outcome(TEN[number], line, supplies, tmp_path) is wanted


def test_a_signed_url_is_for_who_has_it_and_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {"/a": Page(b"", servers.sign), "/signed/a": Page(b"content", servers.signed())}
    with serving(Web(pages)) as web:
        with urllib.request.urlopen(f"{web.url}/a") as answer:
            assert answer.read() == b"content"
            address = answer.url
        for wrong in (
            f"{web.url}/signed/a",
            f"{address}0",
            address.replace("expires=", "expires=9"),
        ):
            assert status(wrong) == 403
        monkeypatch.setattr(servers, "SIGNED_S", -1.0)
        assert status(f"{web.url}/a") == 403


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_middlebox_says_neither_length_nor_version() -> None:
    pages = {"/": Page(CONTENT, servers.zipped)}
    with serving(Web(pages)) as web, urllib.request.urlopen(web.url) as answer:
        assert gzip.decompress(answer.read()) == CONTENT
        told = {name.lower() for name in answer.headers}
    assert not told & {"content-length", "etag", "accept-ranges"}


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, len(CONTENT)))
def test_a_lie_is_the_same_however_it_is_asked_for(lying: Web, start: int, length: int) -> None:
    whole = bytearray(CONTENT)
    for at in range(servers.LIE_BYTES // 2, len(whole), servers.LIE_BYTES):
        whole[at] ^= 1
    end = min(start + length, len(CONTENT))
    asked = urllib.request.Request(lying.url, headers={"Range": f"bytes={start}-{end - 1}"})
    with urllib.request.urlopen(asked) as answer:
        assert answer.read() == whole[start:end]


def test_the_table_has_times_of_dlcore_and_ratios_of_others() -> None:
    rivals = [rival._replace(program="sh") for rival in RIVALS]
    runs = {
        "dlcore": [Outcome(Verdict.RIGHT, wall_s) for wall_s in (9.0, 2.0, 1.0)],
        "curl": [Outcome(Verdict.RIGHT, 3.0, lost_share=0.5)],
        "aria2": [Outcome(Verdict.WRONG, 1.0)],
        "wget2": [Outcome(Verdict.NO_WAY)],
        "rclone": [Outcome(Verdict.NO_END)],
    }
    row = "| right, 2.0 s | right, 1.50, lost 50% | WRONG | no way | no end in a minute |"
    assert row in report(rivals, [(TEN[0], runs)])


def test_each_of_the_ten_has_a_line_of_dlcore() -> None:
    assert len(TEN) == 10
    assert all("dlcore" in download.lines for download in TEN)
