"""A secret in a URL with a slip of the pen is told nowhere: not printed, not logged, no event."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.helpers import Here

CANARY = "cAnArY0123456789"
DIGEST = "0" * 64
MISTYPED = (
    f"ftp://bob:{CANARY}@host.invalid/f",
    f"htps://host.invalid/f?sig={CANARY}",
    f"https:/host.invalid/f?sig={CANARY}",
    f"bob:{CANARY}@host.invalid/f",
    f"//bob:{CANARY}@host.invalid/f",
    f"https://bob:SEC/{CANARY}@host.invalid/f",
    f"https://host.invalid:{CANARY}/f",
)


def told(here: Here, tmp_path: Path, *arguments: object) -> str:
    log = tmp_path / "log"
    given = ("--log-file", log, "--events", "ndjson", "--retries", "0", "-vv")
    ended = here("fetch", *arguments, "-o", tmp_path / "to", *given)
    assert ended.status != 0
    assert "host.invalid" in ended.err or "port" in ended.err or "URL" in ended.err
    return ended.out + ended.err + log.read_text(encoding="utf-8")


@pytest.mark.parametrize("url", MISTYPED)
def test_what_is_to_be_fetched_is_told_without_its_secret(
    here: Here, tmp_path: Path, url: str
) -> None:
    """Fault: somebody mistypes a signed URL. dlcore says so without the signature."""
    for more in ([], ["--sha256", DIGEST], ["--name", "x"], ["ABC00012"]):
        assert CANARY not in told(here, tmp_path, url, *more)


@pytest.mark.parametrize("url", MISTYPED)
def test_an_endpoint_and_a_list_are_told_without_their_secret(
    here: Here, tmp_path: Path, url: str
) -> None:
    assert CANARY not in told(here, tmp_path, "ABC00012", "--from", url)
    assert CANARY not in told(here, tmp_path, "https://host.invalid/f", "--checksums", url)


@pytest.mark.parametrize("url", MISTYPED)
def test_a_sequence_is_told_without_its_secret(here: Here, url: str) -> None:
    ended = here("plan", url)
    assert ended.status != 0
    assert CANARY not in ended.out + ended.err


@pytest.mark.parametrize("url", [*MISTYPED, f"https:bob:{CANARY}@host.invalid/f"])
def test_a_site_is_told_without_its_secret(here: Here, tmp_path: Path, url: str) -> None:
    """Fault: somebody mistypes the ``://`` of a site's URL that has a password. dlcore says so
    without the password, and makes no folder of that name.
    """
    source = tmp_path / "source"
    source.mkdir()
    publish = ("publish", source, "--package-id", "ABC00012", "--version", "1", "--to", url)
    for command in (
        ("list", url),
        ("prune", url, "--keep", "1"),
        ("tree", url, "ABC00012"),
        ("diff", url, "ABC00012", "1", "2"),
        ("verify", url),
        *([publish] if url.startswith("https:") else []),
    ):
        ended = here(*command)
        assert ended.status not in {0, 2} or "URL" in ended.err
        assert CANARY not in ended.out + ended.err
    assert [*tmp_path.iterdir()] == [source]
