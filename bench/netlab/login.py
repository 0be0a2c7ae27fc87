"""Small files from a distribution point: what a login costs over a long link.

An emulated site is on the far side: the same package, anonymous, with Windows authentication
(NTLM inside of Negotiate, over TLS), and with a client certificate. Each connection logs in for
itself, which takes round trips.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bench.netlab import measure, namespaces
from bench.netlab.laboratory import laboratory
from bench.netlab.namespaces import LaboratoryError
from bench.netlab.outcome import Outcome, Verdict
from bench.netlab.profiles import PROFILES
from bench.netlab.supplies import Supply, many_files
from bench.netlab.tools import DLCORE

ROUNDS = 3
MAX_S = 180.0
ANONYMOUS = "dp-anonymous"
WANTED = {"dp-windows": 0.5, "dp-certificate": 0.5}
"""Of the rate of the anonymous one."""


def run(folder: Path) -> Outcome:
    """Fetch the files of `small` from each distribution point, in turn.

    What else the machine does changes from minute to minute. So each is compared with the anonymous
    one of the same round, and the median of these ratios counts.
    """
    profile = PROFILES["small"]
    supply = many_files(folder, profile.files)
    taken_s: dict[str, list[float]] = {name: [] for name in (ANONYMOUS, *WANTED)}
    with laboratory(folder, [profile.link], profile.congestion) as lab:
        (side,) = lab.sides
        state = folder / "out" / "site"
        with _site(supply, state, side.server.address) as endpoints:
            for seed in range(1, ROUNDS + 1):
                for name, taken in taken_s.items():
                    side.wire.set(profile.link, seed)
                    output = folder / "out" / name / f"round-{seed}" / "got"
                    measure.clear(output.parent)
                    command = _command(supply, endpoints[name], output)
                    done = measure.execute(command, output, supply.length_bytes, MAX_S)
                    if done.cut_short:
                        raise measure.ToolError(f"{name}: not done after {MAX_S:.0f} s")
                    supply.check(output)
                    taken.append(done.cost.wall_s)
    notes = [
        f"{name}: {', '.join(f'{one:.1f}' for one in taken)} s" for name, taken in taken_s.items()
    ]
    verdicts = []
    for name, least in WANTED.items():
        pairs = zip(taken_s[ANONYMOUS], taken_s[name], strict=True)
        ratios = sorted(anonymous / own for anonymous, own in pairs)
        verdicts.append(Verdict(f"{name}: rate / {ANONYMOUS}", ratios[ROUNDS // 2], least))
    return Outcome("login", str(profile.link), [], verdicts, [], notes)


@contextlib.contextmanager
def _site(supply: Supply, state: Path, address: str) -> Iterator[dict[str, dict[str, Any]]]:
    """Serve an emulated site on the far side; gives the table of each endpoint."""
    space = f"{namespaces.PREFIX}server0"
    words = ["serve", "--site", str(supply.published), "--state", str(state), "--host", address]
    command = [*namespaces.inside(space), *DLCORE, *words, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise LaboratoryError("the emulated site did not start")
            yield msgspec.json.decode(line)["endpoints"]
        finally:
            process.terminate()


def _command(supply: Supply, endpoint: dict[str, str], output: Path) -> list[str]:
    scheme, _, rest = endpoint["url"].partition("://")
    user = endpoint.get("user", "").replace("\\", "%5C")
    url = f"dp+{scheme}://{f'{user}@' if user else ''}{rest}"
    command = [*DLCORE, "fetch", str(supply.manifest), "--from", url, "-o", str(output), "-q"]
    for key in ("ca_file", "authentication", "password_file", "client_cert"):
        if key in endpoint:
            command += [f"--{key.replace('_', '-')}", endpoint[key]]
    return command
