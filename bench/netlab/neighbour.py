"""Somebody else on the line: what a download leaves to a small request, and to another download.

On the link of `dsl`, whose queue holds half a second. Any sender that heeds loss fills that queue,
a single connection too. What differs is how often it overflows, and how many connections share.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.netlab import measure, namespaces
from bench.netlab.comparison import job_for
from bench.netlab.laboratory import Laboratory, laboratory
from bench.netlab.measure import ToolError
from bench.netlab.outcome import Outcome, Verdict
from bench.netlab.profiles import DSL
from bench.netlab.supplies import Supply, one_object
from bench.netlab.tools import TOOLS, Tool

MIB = 24
COMPARED = ("dlcore", "curl", "aria2", "axel")
PROBE = Path(__file__).with_name("probe.py")
SMALL_BYTES = 1000
MEASURED_S = 40.0  # of each download: the first seconds and what follows
CURL_FROM_S, CURL_S = 10.0, 25.0  # when the curl beside it starts, and for how long it is watched


class Beside(NamedTuple):
    """What is left beside one tool.

    Attributes:
        tool: Its name.
        request_s: Median time of a small request.
        slow_s: The time that one request in ten exceeds.
        kept: Share of the link that a curl beside it keeps.
    """

    tool: str
    request_s: float
    slow_s: float
    kept: float

    def __str__(self) -> str:
        return (
            f"beside {self.tool}: a small request takes {self.request_s * 1e3:.0f} ms in the "
            f"median, one in ten over {self.slow_s * 1e3:.0f} ms; a curl keeps {self.kept:.3f}"
        )


def run(folder: Path) -> Outcome:
    """Measure each tool, once beside small requests and once beside curl."""
    supply = one_object(folder, MIB)
    (folder / "small").write_bytes(bytes(SMALL_BYTES))
    found: list[Beside] = []
    skipped: list[str] = []
    with laboratory(folder, [DSL]) as lab:
        notes = [f"alone: a small request takes {_request_alone_s(folder, lab) * 1e3:.0f} ms"]
        for name in COMPARED:
            tool = TOOLS[name]
            if not tool.is_installed():
                skipped.append(f"neighbour, {name}: not installed ({tool.install})")
                continue
            found.append(_beside(folder, lab, supply, tool))
    return Outcome(
        "neighbour", str(DSL), [], _verdicts(found), skipped, notes + list(map(str, found))
    )


def _verdicts(found: list[Beside]) -> list[Verdict]:
    by_tool = {beside.tool: beside for beside in found}
    ours = by_tool["dlcore"]
    rivals = [by_tool[name] for name in ("aria2", "axel") if name in by_tool]
    if not rivals:
        return []
    request_s, kept = min(r.request_s for r in rivals), max(r.kept for r in rivals)
    return [
        Verdict("request / beside aria2, axel", ours.request_s / request_s, 1.05, at_most=True),
        Verdict("curl keeps / beside aria2, axel", ours.kept / kept, 1.0),
    ]


def _request_alone_s(folder: Path, lab: Laboratory) -> float:
    with probing(_small_url(lab, folder)) as taken_s:
        time.sleep(4.0)
    return statistics.median(taken_s)


def _beside(folder: Path, lab: Laboratory, supply: Supply, tool: Tool) -> Beside:
    with probing(_small_url(lab, folder)) as taken_s:
        _download(folder, lab, supply, tool)
    with _curl_later(lab, folder, supply) as received_bytes:
        _download(folder, lab, supply, tool)
    kept = received_bytes[0] / CURL_S / DSL.payload_bytes_per_s
    slow_s = statistics.quantiles(taken_s, n=10)[-1]
    return Beside(tool.name, statistics.median(taken_s), slow_s, kept)


def _download(folder: Path, lab: Laboratory, supply: Supply, tool: Tool) -> None:
    """Run a tool until it is done or its time is over."""
    output = folder / "out" / tool.name / "neighbour" / "got"
    measure.clear(output.parent)
    job = job_for(lab, folder, supply, output, published=tool.name == "dlcore", tls=False)
    if tool.name != "dlcore":
        output.mkdir()
    lab.sides[0].wire.set(DSL)
    measure.execute(tool.one(job), output, supply.length_bytes, MEASURED_S)
    measure.clear(output.parent)


def _small_url(lab: Laboratory, folder: Path) -> str:
    return lab.urls(folder / "small", folder)[0]


@contextlib.contextmanager
def probing(url: str) -> Iterator[list[float]]:
    """Make small requests of a URL meanwhile; afterwards the list has their times."""
    command = [*namespaces.inside(namespaces.CLIENT), sys.executable, "-I", str(PROBE), url]
    taken_s: list[float] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as probe:
        try:
            yield taken_s
        finally:
            said, _ = probe.communicate()
    taken_s += json.loads(said)


@contextlib.contextmanager
def _curl_later(lab: Laboratory, folder: Path, supply: Supply) -> Iterator[list[int]]:
    """Start curl after a while; afterwards the list has how many bytes it received."""
    url = f"{lab.urls(supply.plain, folder)[0]}/{supply.object}"
    curl = (
        f"sleep {CURL_FROM_S}; exec curl -s -m {CURL_S} -o /dev/null -w '%{{size_download}}' {url}"
    )
    command = [*namespaces.inside(namespaces.CLIENT), "sh", "-c", curl]
    received_bytes: list[int] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield received_bytes
        finally:
            said, _ = process.communicate()
    if not said.strip().isdigit():
        raise ToolError(f"curl beside the download said {said!r}")
    received_bytes.append(int(said))
