"""A Wine prefix and a processor for each process that runs tests.

A program under Wine waits at each system call for the wineserver of its prefix. Two programs would
wait for one server, and two processors that wake each other for each call take longer than one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

WINDOWS = Path(__file__).parents[2] / "build" / "windows"
FIRST = WINDOWS / "wine.prefix"  # made by set_up.sh


class Prefix:
    """What a process of tests has for itself.

    Args:
        folder: The prefix.
        processor: Number of the processor.
    """

    def __init__(self, folder: Path, processor: int) -> None:
        self._folder = folder
        self._processor = processor

    @property
    def environment(self) -> dict[str, str]:
        """What a program in the prefix has in its environment."""
        return {"WINEPREFIX": str(self._folder)}

    def use(self) -> None:
        """Keep the calling thread, and what it starts, to the processor; start the server."""
        os.sched_setaffinity(0, {self._processor})
        # Without -p it would end with each process, and take a second to start again.
        self._serve("-p")

    def end(self) -> None:
        """End every process in the prefix: ending the launcher would leave the others."""
        self._serve("-k")
        self._serve("-w")

    def _serve(self, option: str) -> None:
        # The server has none of our pipes, or who reads them would wait for its end.
        subprocess.run(
            ["wineserver", option],
            env={**os.environ, **self.environment},
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def prefixes(count: int) -> Sequence[Prefix]:
    """A prefix for each of some processes; all but the first are made again from it."""
    processors = sorted(os.sched_getaffinity(0))
    found = [Prefix(FIRST, processors[0])]
    found[0].end()  # what it has in memory of its registry is written
    for at in range(1, count):
        folder = FIRST.with_name(f"{FIRST.name}.{at}")
        if folder.exists():
            shutil.rmtree(folder)
        shutil.copytree(FIRST, folder, symlinks=True, copy_function=_link)
        found.append(Prefix(folder, processors[at % len(processors)]))
    return found


def _link(source: str, target: str) -> None:
    """Share a file of Wine's own, 800 MB in all; copy the registry, which is written in place."""
    if source.endswith(".reg"):
        shutil.copy2(source, target)
    else:
        os.link(source, target)
