"""One object over loopback HTTP from nginx, verified and on disk: dlcore against others.

Every way writes to the same file system; its output is deleted and everything synced before the
next. dlcore and the roofline sync what they write; aria2, curl and the plain aiohttp program do
not, so aria2 and curl are also measured with `sync FILE` behind them.
"""

from __future__ import annotations

import filecmp
import os
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import trustme

from bench.content import Published, random_object, zero_object
from bench.cost import Costs, take_turns, touch_memory
from bench.figures import MIB, Figure, Outcome, peak, ratio
from dlcore.model import DEFAULT_BLOCK_BYTES
from dlcore.native import backend
from dlcore.schedule.limit_policy import LimitPolicy
from tests.nginx import find_nginx, running

DLCORE = str(Path(sys.executable).with_name("dlcore"))
CSRC = Path("dlcore_ext/csrc")
CONNECTIONS = LimitPolicy().initial_near  # as many as dlcore uses unasked
LARGE_X = 10  # how much larger the object is with which memory is measured again

Ways = dict[str, list[str]]


def run(folder: Path, mib: int, rounds: int) -> list[Outcome]:
    """Measure; what tools are missing for is skipped by name."""
    if find_nginx() is None:
        return [Outcome("fetch", 0, {}, [], ["fetch: nginx is not installed (nginx-light)"])]
    return [_compare(folder, mib, rounds), _large(folder, mib * LARGE_X)]


def _compare(folder: Path, mib: int, rounds: int) -> Outcome:
    content = random_object(folder, mib)
    output = folder / "out"
    skipped: list[str] = []
    with ExitStack() as stack:
        url = stack.enter_context(running(content.root))
        tls_url, authority = serve_tls(folder, content, stack)
        ways = {
            **_dlcore("dlcore", url, content, output),
            **_aria2(url, content, output, skipped),
            **_curl("curl", url, content, output, skipped),
            **_naive(url, content, output),
            **_roofline(folder, url, content, output, skipped),
            **_dlcore("dlcore, TLS", tls_url, content, output, "--ca-file", str(authority)),
            **_curl("curl, TLS", tls_url, content, output, skipped, "--cacert", str(authority)),
        }
        costs = take_turns(
            ways,
            rounds,
            before=lambda: _clear(output, content),
            after=lambda way: _check(way, content, output),
        )
    shutil.rmtree(output)
    return Outcome("fetch", content.length_bytes, costs, _figures(costs), skipped)


def _large(folder: Path, mib: int) -> Outcome:
    """Memory once more, with an object so large that anything that grows with it would show."""
    name = f"fetch-{mib}-mib"
    if shutil.disk_usage(folder).free < mib * MIB * 1.2:
        return Outcome(name, 0, {}, [], [f"peak memory of {mib} MiB: the disk is too small"])
    content = zero_object(folder, mib)
    output = folder / "out"
    shutil.rmtree(output, ignore_errors=True)
    with running(content.root) as url:
        costs = take_turns(_dlcore("dlcore", url, content, output), 1)
    shutil.rmtree(output)
    figures = [peak(f"peak memory, {mib} MiB", costs["dlcore"], at_most=100)]
    return Outcome(name, content.length_bytes, costs, figures, [])


def _figures(costs: dict[str, Costs]) -> list[Figure]:
    get = costs.get
    dlcore, tls = costs["dlcore"], costs["dlcore, TLS"]
    return [
        *ratio("speed, dlcore / aria2", get("aria2"), dlcore, "wall_s", at_least=5),
        *ratio("speed, dlcore / aria2 + sync", get("aria2 + sync"), dlcore, "wall_s", at_least=5),
        *ratio("speed, dlcore / aiohttp", get("aiohttp + hashlib"), dlcore, "wall_s"),
        *ratio("CPU, dlcore / aria2", dlcore, get("aria2"), "cpu_s", at_most=0.5),
        *ratio("CPU, dlcore / aiohttp", dlcore, get("aiohttp + hashlib"), "cpu_s"),
        *(
            figure
            for way in ("roofline, buffered", "roofline, direct")
            for figure in ratio(f"CPU, dlcore / {way}", dlcore, get(way), "cpu_s", at_most=1.4)
        ),
        *(
            figure
            for tool, at_most in (("sha256sum", 0.8), ("openssl", None))
            for figure in ratio(
                f"CPU over TLS, dlcore / curl + {tool}",
                tls,
                get(f"curl, TLS + {tool}"),
                "cpu_s",
                at_most=at_most,
            )
        ),
        peak("peak memory", dlcore, at_most=100),
        peak("peak memory, TLS", tls, at_most=100),
    ]


def _dlcore(name: str, url: str, content: Published, output: Path, *more: str) -> Ways:
    command = [DLCORE, "fetch", str(content.manifest), "--from", url, "-o", str(output), "-q"]
    return {name: [*command, *more]}


def _aria2(url: str, content: Published, output: Path, skipped: list[str]) -> Ways:
    if shutil.which("aria2c") is None:
        skipped.append("aria2: not installed (aria2)")
        return {}
    command = ["aria2c", "-x8", "-s8", f"--checksum=sha-256={content.sha256}", "-q", "--no-conf"]
    command += ["-d", str(output), "-o", "image.bin", f"{url}/objects/{content.object}"]
    synced = f"{shlex.join(command)} && sync {shlex.quote(str(output / 'image.bin'))}"
    return {"aria2": command, "aria2 + sync": ["sh", "-c", synced]}


def _curl(
    name: str, url: str, content: Published, output: Path, skipped: list[str], *more: str
) -> Ways:
    """curl, then the whole file's digest: by coreutils, and by OpenSSL, which is faster."""
    if shutil.which("curl") is None:
        skipped.append(f"{name}: not installed (curl)")
        return {}
    target = output / "image.bin"
    command = ["curl", "-sSf", "--create-dirs", "-o", str(target), *more]
    curl = shlex.join([*command, f"{url}/objects/{content.object}"])
    path = shlex.quote(str(target))
    hashed = f"{curl} && echo '{content.sha256}  {target}' | sha256sum --check --status"
    ways = {f"{name} + sha256sum": hashed}
    if not more:
        ways[f"{name} + sha256sum + sync"] = f"{hashed} && sync {path}"
    if shutil.which("openssl"):
        ways[f"{name} + openssl"] = (
            f"{curl} && openssl dgst -sha256 -r {path} | grep -q {content.sha256}"
        )
    return {way: ["sh", "-c", script] for way, script in ways.items()}


def _naive(url: str, content: Published, output: Path) -> Ways:
    program = shlex.join([sys.executable, str(Path(__file__).with_name("naive_fetch.py"))])
    values = [
        f"{url}/objects/{content.object}",
        str(content.length_bytes),
        str(DEFAULT_BLOCK_BYTES),
        str(content.digests),
        str(output / "image.bin"),
    ]
    script = f"mkdir -p {shlex.quote(str(output))} && exec {program} {shlex.join(values)}"
    return {"aiohttp + hashlib": ["sh", "-c", script]}


def _roofline(folder: Path, url: str, content: Published, output: Path, skipped: list[str]) -> Ways:
    """The C program, writing through the page cache and past it."""
    if shutil.which("cc") is None or backend() == "openssl":
        skipped.append(f"roofline: no C compiler, or no kernels for this CPU ({backend()})")
        return {}
    program = folder / "roofline"
    sources = ["bench/roofline.c", *sorted(map(str, CSRC.glob("sha256*.c")))]
    subprocess.run(["cc", "-O3", "-pthread", f"-I{CSRC}", "-o", str(program), *sources], check=True)
    values = [
        str(program),
        url.rpartition(":")[2],
        f"/objects/{content.object}",
        str(content.length_bytes),
        str(DEFAULT_BLOCK_BYTES),
        str(content.digests),
        str(output / "image.bin"),
        str(CONNECTIONS),
        backend(),
    ]
    made = f"mkdir -p {shlex.quote(str(output))} && exec {shlex.join(values)}"
    return {f"roofline, {how}": ["sh", "-c", f"{made} {how}"] for how in ("buffered", "direct")}


def serve_tls(folder: Path, content: Published, stack: ExitStack) -> tuple[str, Path]:
    """Serve it with TLS until the stack is closed: its address, and the authority to trust."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    url = stack.enter_context(running(content.root, certificate=folder / "server.pem"))
    return url, folder / "ca.pem"


def _clear(output: Path, content: Published) -> None:
    """Nothing of the last way is left, on disk or on its way there."""
    shutil.rmtree(output, ignore_errors=True)
    os.sync()
    touch_memory(content.length_bytes)


def _check(way: str, content: Published, output: Path) -> None:
    """A way that did not fetch the right bytes has no speed.

    Raises:
        SystemExit: It did not.
    """
    if not filecmp.cmp(content.path, output / "image.bin", shallow=False):
        raise SystemExit(f"{way}: fetched something else")
