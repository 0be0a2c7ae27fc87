"""Whether a command did what was wanted: by the bytes on disk, never by what it says of itself."""

from __future__ import annotations

import re
from pathlib import Path

from bench.habits.habit import Proof, Wrong
from bench.habits.place import Place
from bench.rivals.shell import Ending


def ended_well(ending: Ending) -> None:
    """It ended by itself, with status 0."""
    if ending.status is None:
        raise Wrong("it did not end")
    if ending.status != 0:
        last = (ending.stderr or ending.stdout).decode(errors="replace").strip().splitlines()[-1:]
        raise Wrong(f"it ended with status {ending.status}", re.sub(r"[^ -~]", " ", "".join(last)))


def refused(ending: Ending, what: str) -> None:
    """It ended by itself, and not with status 0."""
    if ending.status is None:
        raise Wrong(f"it did not end: {what}")
    if ending.status == 0:
        raise Wrong(f"it ended with status 0: {what}")


def is_there(place: Place, name: str, path: Path | None = None) -> Path:
    """A file has its bytes; if no path is given, somewhere in the output folder."""
    paths = [path] if path else sorted(place.out.rglob(name))
    for found in paths:
        if found.is_file():
            if found.read_bytes() != place.supplies.files[name]:
                raise Wrong(f"{found.name} has other bytes")
            return found
    raise Wrong(f"{path.name if path else name} is not there")


def is_empty(folder: Path) -> None:
    """Nothing was written into a folder."""
    left = sorted(path.name for path in folder.rglob("*") if path.is_file())
    if left:
        raise Wrong(f"{', '.join(left)} was left")


def fetches(*names: str) -> Proof:
    """The files arrive below the output folder under their names."""

    def proof(place: Place, line: str) -> None:
        ended_well(place.shell.run(line))
        for name in names:
            is_there(place, name)

    return proof


def fetches_as(path: str) -> Proof:
    """``tool.zip`` arrives exactly at a path of the output folder."""

    def proof(place: Place, line: str) -> None:
        ended_well(place.shell.run(line))
        is_there(place, "tool.zip", place.out / path)

    return proof
