"""The faults, each for every tool under the same conditions."""

from __future__ import annotations

from pathlib import Path

from bench.faults import behaviours as server
from bench.faults.trial import Case


def _largest(target: Path) -> Path | None:
    """The longest file that a tool has left in or beside the place of the result."""
    above = target.parent.parent
    files = [path for path in above.rglob("*") if path.is_file()]
    return max(files, key=lambda path: path.stat().st_blocks, default=None)


def flip_on_disk(target: Path) -> None:
    """A bit that was written before the kill flips."""
    path = _largest(target)
    if path is not None:
        data = bytearray(path.read_bytes())
        data[next(at for at, byte in enumerate(data) if byte)] ^= 1
        path.write_bytes(data)


def cut_on_disk(target: Path) -> None:
    """What was written before the kill is shortened."""
    path = _largest(target)
    if path is not None:
        with path.open("r+b") as file:
            file.truncate(max(1, path.stat().st_size - 70_000))


def old_file(target: Path) -> None:
    """A file of the same length lies in the place of the result."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(bytes(CONTENT_BYTES))


CONTENT_BYTES = (128 << 20) + 12_345  # so that what is in flight is little of it

CASES = (
    Case("none, to compare with"),
    Case("a bit flips on the way, first answer", server.passing(server.flip_somewhere, 1)),
    Case("a bit is wrong at the server", server.flip),
    Case("200 with everything in answer to a range", server.ignore_range),
    Case("login page of a captive portal", server.login_page),
    Case("bytes of another place, first answer", server.passing(server.shifted, 1)),
    Case("another range than asked for", server.passing(server.other_range)),
    Case("body ends early, first answers", server.passing(server.truncated)),
    Case("the same without a length", server.passing(server.truncated_without_length)),
    Case("more bytes than asked for", server.passing(server.surplus)),
    Case("reset in the middle, first answers", server.passing(server.reset)),
    Case("stall in the middle, first answers", server.passing(server.stall)),
    Case("no answer at all, ever", server.silence),
    Case("endless trickle", server.trickle),
    Case("503 with Retry-After, first answers", server.passing(server.busy)),
    Case("500, first answers", server.passing(server.failing)),
    Case("redirect loop", server.redirect_loop),
    Case("compressed without being asked", server.compressed),
    Case("multipart ranges", server.multipart),
    Case("replaced by other content meanwhile", server.replaced),
    Case("killed halfway, run again", is_killed=True),
    Case("killed, a bit flips on disk, run again", is_killed=True, between=flip_on_disk),
    Case("killed, file shortened, run again", is_killed=True, between=cut_on_disk),
    Case("file too long for the disk, run again", file_limit=True),
    Case("old file of the same length in place", between=old_file),
)
