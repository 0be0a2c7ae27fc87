"""Files that options name: none that another user has planted is written to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dlcore.engine.listeners.lines import encode_line
from tests.cli.conftest import Site
from tests.cli.helpers import Here, refused
from tests.timeline.scene import bad_case, lines_of
from tests.users import ADVERSARY, folder_of, give, needs_root

Words = Callable[[Path, Path, Site], tuple[object, ...]]


def _fetch(folder: Path, site: Site) -> tuple[object, ...]:
    return ("fetch", "ABC00003", "--from", site.published, "-o", folder / "to", "--json")


def _report(folder: Path) -> tuple[object, ...]:
    record = folder / "run.ndjson"
    record.write_bytes(b"".join(map(encode_line, lines_of(bad_case()).events)))
    return ("report", record, "--json")


@needs_root
@pytest.mark.parametrize(
    "words",
    [
        lambda place, own, site: (*_fetch(own, site), "--log-file", place),
        lambda place, own, site: (
            *(*_fetch(own, site), "--events", "ndjson"),
            *("--events-file", place),
        ),
        lambda place, own, _: (*_report(own), "--html", place),
    ],
    ids=["--log-file", "--events-file", "--html"],
)
def test_a_planted_link_is_refused(words: Words, here: Here, site: Site, tmp_path: Path) -> None:
    """Fault: another user plants a link where an option names a log, events or a page. dlcore
    refuses it, and what it leads to is as it was.
    """
    victim = tmp_path / "victim"
    victim.write_text("of this user")
    with folder_of(None, mode=0o1777) as folder:
        (folder / "planted").symlink_to(victim)
        give(folder / "planted", ADVERSARY)
        ended = here(*words(folder / "planted", tmp_path, site))
        error = refused(ended, 9, "ownership")
    assert str(folder / "planted") in str(error["message"])
    assert victim.read_text() == "of this user"
    assert not (tmp_path / "to").exists()
