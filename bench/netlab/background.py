"""What a background load leaves to others, and how well it uses a link that nobody else uses.

Each load is measured three times over a link: alone, while small requests are made; before a curl
that begins later; and against a curl that was there first. The rates of curl are compared with
those that the same curl reached alone, over the same link, at the same times.
"""

from __future__ import annotations

import contextlib
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from bench.netlab import measure, namespaces
from bench.netlab.background_call import PACKAGE
from bench.netlab.laboratory import Laboratory, laboratory
from bench.netlab.link import MTU, SEGMENT, Link
from bench.netlab.measure import ToolError
from bench.netlab.neighbour import probing
from bench.netlab.profiles import DSL, POOR
from bench.netlab.supplies import publish

CALL: Final = "bench.netlab.background_call"
OFFICE: Final = Link(100, 40)
LINKS: Final = {"dsl": DSL, "office": OFFICE, "poor": POOR}
MIB: Final = {"dsl": 48, "office": 640, "poor": 640}
ALONE_S: Final = 25.0
CURL_S: Final = 20.0
LEAD_S: Final = 6.0  # of whichever begins first
SMALL_BYTES: Final = 1000
KEPT, TAKES = 0.95, 1.2  # what is wanted


class Found(msgspec.Struct, frozen=True):
    """What one load came to on one link.

    Attributes:
        link: Name of the link.
        load: Name of the load.
        share: Of the link's payload rate, alone.
        request_s: Median time of a small request beside it.
        slow_s: The time that one request in ten exceeds.
        kept: Share of its rate alone that a curl keeps which begins later.
        kept_first: The same of a curl that was there first.
    """

    link: str
    load: str
    share: float
    request_s: float
    slow_s: float
    kept: float
    kept_first: float


class Place(NamedTuple):
    """Where a link is measured.

    Attributes:
        folder: What the server serves.
        root: The package: ``tree`` and ``published``.
        lab: The laboratory.
        link: The link.
    """

    folder: Path
    root: Path
    lab: Laboratory
    link: Link

    @property
    def file_url(self) -> str:
        """The package's only file, as others fetch it."""
        return self.lab.urls(self.root / "tree" / "image.bin", self.folder)[0]

    @property
    def output(self) -> Path:
        """Where loads put what they fetch."""
        return self.folder / "out" / "background" / "got"


def measured(folder: Path, name: str, loads: Sequence[str]) -> tuple[str, list[Found]]:
    """Measure loads over one link; returns what a request and a curl take alone, and the rest."""
    link, root = LINKS[name], _package(folder, MIB[name])
    (folder / "small").write_bytes(bytes(SMALL_BYTES))
    with laboratory(folder, [link]) as lab:
        place = Place(folder, root, lab, link)
        alone_s = _requests_beside(place, None)
        alone = _curl_bytes(place, None, 0.0)
        note = (
            f"{name} ({link}): alone, a small request takes {alone_s[0] * 1e3:.0f} ms, and a curl "
            f"has {alone / CURL_S / link.payload_bytes_per_s:.3f} of the link"
        )
        print(note, file=sys.stderr)
        found = []
        for load in loads:
            share, request_s, slow_s = _alone(place, load)
            kept = _curl_bytes(place, load, LEAD_S) / alone
            kept_first = _curl_bytes(place, load, -LEAD_S) / alone
            found.append(Found(name, load, share, request_s, slow_s, kept, kept_first))
            print(found[-1], file=sys.stderr)
        return note, found


def _package(folder: Path, mib: int) -> Path:
    root = folder / f"background-{mib}"
    if not (root / "made").exists():
        (root / "tree").mkdir(parents=True, exist_ok=True)
        dice = random.Random(7)
        with (root / "tree" / "image.bin").open("wb") as file:
            for _ in range(mib // 16):
                file.write(dice.randbytes(16 << 20))
        publish(root / "tree", PACKAGE, root / "published")
        (root / "made").touch()
    return root


def _command(place: Place, load: str) -> list[str]:
    """What runs a load."""
    output = place.output
    if load in ("background", "portable", "foreground"):
        published = place.root / "published"
        (url,) = place.lab.urls(published, place.folder)
        return [sys.executable, "-m", CALL, str(published), url, str(output), load]
    if load == "aria2":
        options = ("-x16", "-s16", "-k1M", "--file-allocation=none", "-q")
        return ["aria2c", *options, "-d", str(output), "-o", "got", place.file_url]
    if load == "aria2-1":
        options = ("-x1", "-s1", "--file-allocation=none", "-q")
        return ["aria2c", *options, "-d", str(output), "-o", "got", place.file_url]
    return ["curl", "-sS", "-o", str(output / "got"), place.file_url]


@contextlib.contextmanager
def _running(place: Place, load: str | None) -> Iterator[None]:
    """A load runs while inside."""
    if load is None:
        yield
        return
    measure.clear(place.output)
    command = [*namespaces.inside(namespaces.CLIENT), *_command(place, load)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield
            if process.poll() is not None:
                raise ToolError(f"{load} ended before it was looked at")
        finally:
            process.kill()
    measure.clear(place.output)


def _alone(place: Place, load: str) -> tuple[float, float, float]:
    """Share of the link, and what small requests take beside it."""
    wire = place.lab.sides[0].wire
    request_s, slow_s = _requests_beside(place, load)
    payload = wire.traffic().delivered_bytes * SEGMENT / MTU
    return payload / ALONE_S / place.link.payload_bytes_per_s, request_s, slow_s


def _requests_beside(place: Place, load: str | None) -> tuple[float, float]:
    place.lab.sides[0].wire.set(place.link)
    url = place.lab.urls(place.folder / "small", place.folder)[0]
    with _running(place, load), probing(url) as taken_s:
        time.sleep(ALONE_S if load else 4.0)
    return statistics.median(taken_s), statistics.quantiles(taken_s, n=10)[-1]


def _curl_bytes(place: Place, load: str | None, lead_s: float) -> int:
    """What a curl receives in its time.

    Args:
        place: Where.
        load: What runs beside it; None: nothing.
        lead_s: How much later than the load it begins; less than 0: how much earlier.
    """
    place.lab.sides[0].wire.set(place.link)
    watched_s = CURL_S + max(0.0, -lead_s)
    curl = ["curl", "-s", "-m", f"{watched_s}", "-o", "/dev/null", "-w", "%{size_download}"]
    command = [*namespaces.inside(namespaces.CLIENT), *curl, place.file_url]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    if lead_s >= 0:
        with _running(place, load):
            time.sleep(lead_s)
            said = start().communicate()[0]
    else:
        process = start()
        time.sleep(-lead_s)
        with _running(place, load):
            said = process.communicate()[0]
    return round(int(said) * CURL_S / watched_s)
