"""Fuzzes one target: ``python -m tests.fuzz TARGET --minutes M``.

With atheris (``pip install atheris``) inputs are guided by coverage; inputs that reach new code are
kept in ``build/fuzz/<target>``. Without it, inputs are mutated at random. An input that raises
an undocumented error ends the run and is written to ``build/fuzz``. Add it to the corpus when you
fix the error.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import importlib.util
import sys
import time
from pathlib import Path
from random import Random
from types import ModuleType

from tests.fuzz.mutation import mutations
from tests.fuzz.target import CORPUS, TARGETS, Target

FOUND = Path("build/fuzz")
MAX_INPUT_BYTES = 64 << 10


def main() -> None:
    """Read the command line and fuzz."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=sorted(folder.name for folder in CORPUS.iterdir()))
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    FOUND.mkdir(parents=True, exist_ok=True)
    duration_s = arguments.minutes * 60
    atheris = importlib.import_module("atheris") if importlib.util.find_spec("atheris") else None
    with atheris.instrument_imports(include=["dlcore"]) if atheris else contextlib.nullcontext():
        importlib.import_module("tests.fuzz.targets")
        importlib.import_module("tests.fuzz.gateway")
        importlib.import_module("tests.fuzz.local")
        importlib.import_module("tests.fuzz.signed")
        importlib.import_module("tests.fuzz.site")
        importlib.import_module("tests.fuzz.machine")
    target = TARGETS[arguments.target]
    if atheris:
        _fuzz_guided(atheris, target, duration_s, arguments.seed)
    else:
        _fuzz_at_random(target, duration_s, arguments.seed)


def _fuzz_guided(atheris: ModuleType, target: Target, duration_s: float, seed: int) -> None:
    """Run libFuzzer, which ends the process."""
    kept = FOUND / target.name
    kept.mkdir(exist_ok=True)
    options = [
        f"-max_total_time={int(duration_s)}",
        f"-max_len={MAX_INPUT_BYTES}",
        f"-seed={seed}",
        f"-artifact_prefix={FOUND}/{target.name}-",
        "-print_final_stats=1",
        "-timeout=10",
    ]
    atheris.Setup([sys.argv[0], *options, str(kept), str(CORPUS / target.name)], target.accepts)
    atheris.Fuzz()


def _fuzz_at_random(target: Target, duration_s: float, seed: int) -> None:
    end_s, inputs = time.monotonic() + duration_s, 0
    for data in mutations(list(target.seeds().values()), Random(seed)):
        inputs += 1
        try:
            target.accepts(data)
        except Exception:
            path = FOUND / f"{target.name}-{hashlib.sha256(data).hexdigest()[:16]}"
            path.write_bytes(data)
            sys.stderr.write(f"an undocumented error; the input is in {path}\n")
            raise
        if time.monotonic() > end_s:
            break
    sys.stdout.write(f"number_of_executed_units: {inputs}\n")  # as libFuzzer says it


if __name__ == "__main__":
    main()
