"""A tree of files in the page cache: `dlcore verify` against sha256sum, `dlcore publish`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from bench.content import make_tree
from bench.cost import Cost, take_turns, touch_memory
from bench.figures import MIB, Figure, Outcome, ratio

DLCORE = str(Path(sys.executable).with_name("dlcore"))


def run(folder: Path, mib: int, rounds: int) -> list[Outcome]:
    """Measure publishing, then verifying what was published."""
    tree = folder / f"tree-{mib}"
    published = folder / "published"
    make_tree(tree, mib)
    _sums(tree, folder / "sums")  # also brings all of it into the page cache
    publishing = _publish(tree, published, mib, rounds)
    (manifest,) = (published / "manifests").iterdir()
    verifying = _verify(tree, manifest, folder / "sums", mib, rounds)
    shutil.rmtree(published)
    return [verifying, publishing]


def _publish(tree: Path, published: Path, mib: int, rounds: int) -> Outcome:
    def clear() -> None:
        shutil.rmtree(published, ignore_errors=True)
        os.sync()
        touch_memory(mib * MIB)

    command = [DLCORE, "publish", str(tree), "--package-id", "BNC00002", "--to", str(published)]
    copy = f"cp -r {shlex.quote(str(tree))} {shlex.quote(str(published))}"
    ways = {
        "cp + sync": ["sh", "-c", f"{copy} && sync -f {shlex.quote(str(published))}"],
        "dlcore publish": command,
    }
    costs = take_turns(ways, rounds, before=clear)
    figures = ratio(
        "speed, dlcore publish / cp + sync", costs["cp + sync"], costs["dlcore publish"], "wall_s"
    )
    return Outcome("publish", mib * MIB, costs, figures, [])


def _verify(tree: Path, manifest: Path, sums: Path, mib: int, rounds: int) -> Outcome:
    inside = f"cd {shlex.quote(str(tree))}"
    ways = {
        "dlcore verify": [DLCORE, "verify", str(tree), "--manifest", str(manifest)],
        "sha256sum": ["sh", "-c", f"{inside} && sha256sum --check --status {sums}"],
    }
    if shutil.which("openssl"):
        listed = f"cut -c67- {sums} | xargs -d '\\n' openssl dgst -sha256 -r >/dev/null"
        ways["openssl"] = ["sh", "-c", f"{inside} && {listed}"]
    costs = take_turns(ways, rounds)
    dlcore = costs["dlcore verify"]
    figures = [
        *ratio(
            "per core, dlcore verify / sha256sum", costs["sha256sum"], dlcore, "cpu_s", at_least=1.8
        ),
        *ratio("per core, dlcore verify / openssl", costs.get("openssl"), dlcore, "cpu_s"),
        Figure("cores dlcore verify uses", [_cores(c) for c in dlcore.rounds], "", at_least=1.8),
    ]
    skipped = [] if "openssl" in costs else ["openssl: not installed (openssl)"]
    return Outcome("verify", mib * MIB, costs, figures, skipped)


def _cores(cost: Cost) -> float:
    return cost.cpu_s / cost.wall_s


def _sums(tree: Path, target: Path) -> None:
    """What ``sha256sum --check`` reads."""
    with target.open("wb") as file:
        find = ["find", ".", "-type", "f", "-exec", "sha256sum", "{}", "+"]
        subprocess.run(find, cwd=tree, stdout=file, check=True)
