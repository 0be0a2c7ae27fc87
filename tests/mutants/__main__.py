"""Whether the tests notice a change of the code: ``python -m tests.mutants --mutants N``.

It copies the tree to a temporary folder and changes only the copy. There it first runs the tests
of the rooms once and notes which lines each of them runs. Then it makes one mutant after the
other and runs the tests of the changed lines, the quickest first. The seed is printed;
``DLCORE_SEED`` repeats the sample. Needs cosmic-ray and coverage, which no other test does.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.mutants.records import Records
from tests.mutants.sample import Mutant, sample
from tests.seeds import given_seed

ROOMS = ("store", "engine", "transfer", "manifest")
TESTS = (*ROOMS, "trust", "cli")  # the last use all rooms together
# They run dlcore in processes that they kill, where no line is noted.
_LEFT_OUT = ["--ignore-glob=*/test_*kill*.py"]
_TEST_TIMEOUT_S = 40  # a test that hangs because of a mutant has noticed it
_TIMEOUT_S = 300  # for all tests of a mutant


def main() -> None:
    """Read the command line, run the mutants, print how each ended and the shares."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--mutants", type=int, default=60)
    parser.add_argument("--only", default="", help="a part of the names of the mutants to run")
    parser.add_argument("--seconds", type=float, default=120, help="of tests for each mutant")
    arguments = parser.parse_args()
    seed = given_seed(secrets.randbelow(1 << 31))
    sys.stdout.write(f"seed {seed}\n")
    ends: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory(prefix="dlcore-mutants-") as folder:
        tree = copy_of_tree(Path(folder))
        records = record(tree)
        for mutant in sample(tree, ROOMS, arguments.mutants, seed):
            if arguments.only in mutant.name:
                tests = records.tests_of(mutant.file, mutant.lines, arguments.seconds)
                end = run(tree, mutant, tests)
                ends[mutant.file.split("/")[1], end] += 1
                sys.stdout.write(f"{end:9} {mutant.name}\n")
                sys.stdout.flush()
    sys.stdout.write(table(ends) + "\n")


def copy_of_tree(folder: Path) -> Path:
    """Copy the files that git knows, and the compiled core, to a new folder in `folder`."""
    tree = folder / "tree"
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in [*map(Path, names[:-1]), *Path("dlcore_ext").glob("*.so")]:
        if name.is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(name, tree / name)
    # Checked by content: a mutant and its original may have the same size and second.
    _python(tree, "compileall", "-q", "--invalidation-mode=checked-hash", "dlcore").wait()
    return tree


def record(tree: Path) -> Records:
    """Run the tests of the rooms in `tree`, and note which lines each of them runs."""
    folder = tree.parent / "records"
    folder.mkdir()
    for room in TESTS:
        out = str(folder / f"{room}.json")
        _python(tree, "tests.mutants.records", out, f"tests/{room}", *_LEFT_OUT).wait()
    return Records(folder)


def run(tree: Path, mutant: Mutant, tests: list[str]) -> str:
    """Change the file in `tree`, run `tests`, and put the file back: killed or survived."""
    if not tests:
        return "survived"
    path, chosen = tree / mutant.file, tree / "chosen"
    original = path.read_text(encoding="utf-8")
    chosen.write_text("\n".join(tests), encoding="utf-8")
    path.write_text(mutant.of(original), encoding="utf-8")
    options = ["-x", "-q", "--tb=no", "-o", f"timeout={_TEST_TIMEOUT_S}", f"@{chosen}"]
    process = _python(tree, "pytest", *options, stdout=subprocess.DEVNULL)
    try:
        return "killed" if process.wait(_TIMEOUT_S) else "survived"
    except subprocess.TimeoutExpired:
        return "killed"
    finally:
        process.kill()
        process.wait()
        path.write_text(original, encoding="utf-8")


def _python(tree: Path, *command: str, stdout: int | None = None) -> subprocess.Popen[bytes]:
    here = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen([sys.executable, "-m", *command], cwd=tree, env=here, stdout=stdout)


def table(ends: Counter[tuple[str, str]]) -> str:
    """Mutants, killed and survived for each room, and the share of the killed."""
    rows = ["room       mutants  killed survived   share"]
    for room in [*ROOMS, "all"]:
        killed, survived = (
            sum(count for (of, end), count in ends.items() if room in {of, "all"} and end == wanted)
            for wanted in ("killed", "survived")
        )
        total = killed + survived
        share = 100 * killed / total if total else 100
        rows.append(f"{room:9} {total:8} {killed:7} {survived:8} {share:5.1f} %")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
