"""A download, and what became of it with one program."""

from __future__ import annotations

import contextlib
import enum
import shutil
import statistics
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from bench.rivals import bucket
from bench.rivals.shell import Ending, Shell
from bench.rivals.supplies import Supplies
from bench.web import Page, Web, serving

BOUND_S = 60.0  # for a run of a program
LOST_SHARE = 0.1  # of the content, fetched again although it was there


class Verdict(enum.StrEnum):
    """What a program said and did."""

    RIGHT = "right"
    REFUSED = "refused"  # ended with an error, and nothing has the name of the file
    LEFT = "refused, wrong file left"  # ended with an error; wrong bytes have its name
    WRONG = "WRONG"  # claimed success; a file is missing or differs
    NO_END = "no end in a minute"
    NO_WAY = "no way"  # it has no option for this


class Scene:
    """Where one program fetches.

    Attributes:
        supplies: What there is.
        web: The server; the other one is a mirror.
        out: The folder for what is fetched, empty.
        work: A folder with lists and Metalinks.
        shell: Runs commands; ``$SITE``, ``$OUT`` and other words stand for this scene.
    """

    def __init__(self, folder: Path, supplies: Supplies, webs: list[Web], words: dict[str, str]):
        self.supplies = supplies
        self.web, self.mirror = webs
        self.out, self.work = folder / "out", folder / "work"
        for path in (folder, self.out, self.work):
            path.mkdir()
        places = {"OUT": str(self.out), "WORK": str(self.work)}
        sites = {"SITE": self.web.url, "MIRROR": self.mirror.url}
        self.shell = Shell(self.work, supplies.programs, words | places | sites)

    @property
    def sent_bytes(self) -> int:
        """Of both servers."""
        return self.web.sent_bytes + self.mirror.sent_bytes


class Download(NamedTuple):
    """What is fetched, and how.

    Attributes:
        name: What happens.
        files: Which files must be there at the end.
        pages: What the server has, and what the mirror has.
        lines: The command line of each program that has a way.
        papers: Lists and such for the commands, by name, from the URLs of both servers.
        expected: How it ends well.
        with_bucket: Whether the files are in a private bucket.
        is_killed: Whether the program is killed when half of the content was sent.
    """

    name: str
    files: tuple[str, ...]
    pages: Callable[[Supplies], tuple[dict[str, Page], dict[str, Page]]]
    lines: Mapping[str, str]
    papers: Callable[[Supplies, str, str], Mapping[str, bytes]] = lambda *_: {}
    expected: Verdict = Verdict.RIGHT
    with_bucket: bool = False
    is_killed: bool = False


class Outcome(NamedTuple):
    """What one run came to.

    Attributes:
        verdict: Who was right.
        wall_s: From the start to the end, of both runs if it was killed.
        lost_share: Of the content, fetched again after a kill.
        said: The last line of standard error.
    """

    verdict: Verdict
    wall_s: float = 0.0
    lost_share: float = 0.0
    said: str = ""


@contextlib.contextmanager
def staged(download: Download, supplies: Supplies, folder: Path) -> Iterator[Scene]:
    """Start the servers of a download, and stop them at the end; the folder stays."""
    with contextlib.ExitStack() as stack:
        webs = [stack.enter_context(serving(Web(p))) for p in download.pages(supplies)]
        words = {"SHA256": supplies.sha256(download.files[0])}
        if download.with_bucket:
            files = {name: supplies.files[name] for name in download.files}
            words["S3"] = stack.enter_context(bucket.private_bucket(files))
            words |= bucket.ENVIRONMENT | {"AWS_ENDPOINT_URL": words["S3"]}
        scene = Scene(folder, supplies, webs, words)
        for name, content in download.papers(supplies, *(web.url for web in webs)).items():
            (scene.work / name).write_bytes(content)
        yield scene


def tried(
    download: Download, program: str, supplies: Supplies, folder: Path, bound_s: float = BOUND_S
) -> Outcome:
    """Fetch once, in a folder that is made, and removed afterwards."""
    line = download.lines.get(program)
    if not line:
        return Outcome(Verdict.NO_WAY)
    try:
        with staged(download, supplies, folder) as scene:
            first_s = _killed(download, line, scene) if download.is_killed else 0.0
            ending = scene.shell.run(line, bound_s=bound_s)
            said = ending.stderr.decode(errors="replace").strip().splitlines()[-1:]
            verdict = judged(ending, scene, download.files)
            lost = _lost(download, scene) if download.is_killed else 0.0
            return Outcome(verdict, first_s + ending.wall_s, lost, "".join(said))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def judged(ending: Ending, scene: Scene, files: tuple[str, ...]) -> Verdict:
    """The verdict, by the exit status and the bytes that are there."""
    if ending.status is None:
        return Verdict.NO_END
    there = {path.name: path for path in scene.out.rglob("*") if path.is_file()}
    wanted = {name: scene.supplies.files[name] for name in files}
    right = {name for name in wanted if name in there and there[name].read_bytes() == wanted[name]}
    if ending.status == 0:
        return Verdict.RIGHT if len(right) == len(wanted) else Verdict.WRONG
    # A file of a program's own beside it says that the file is not finished yet.
    finished = {name for name in wanted if name in there and f"{name}.aria2" not in there}
    return Verdict.LEFT if finished - right else Verdict.REFUSED


def _killed(download: Download, line: str, scene: Scene) -> float:
    half = sum(len(scene.supplies.files[name]) for name in download.files) // 2
    return scene.shell.run_and_kill(line, lambda: scene.sent_bytes > half, BOUND_S)


def _lost(download: Download, scene: Scene) -> float:
    length = sum(len(scene.supplies.files[name]) for name in download.files)
    return max(0, scene.sent_bytes - length) / length


def median_s(outcomes: list[Outcome]) -> float:
    """Of the times of several runs."""
    return statistics.median(outcome.wall_s for outcome in outcomes)
