"""What starting costs: `dlcore --help` and `import dlcore`, in CPU time."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.cost import take_turns
from bench.figures import Figure, Outcome

DLCORE = str(Path(sys.executable).with_name("dlcore"))
TIMES = 4  # rounds here for each round elsewhere: they are short


def run(rounds: int) -> list[Outcome]:
    """Measure; the first round, which may have to compile, does not count."""
    ways = {
        "dlcore --help": [DLCORE, "--help"],
        "import dlcore": [sys.executable, "-c", "import dlcore"],
        "use dlcore": [sys.executable, "-c", "from dlcore import Client"],
        "python alone": [sys.executable, "-c", "pass"],
    }
    take_turns(ways, 1)
    costs = take_turns(ways, rounds * TIMES)
    alone = costs["python alone"].all("cpu_s")

    def beyond_python(way: str) -> list[float]:
        pairs = zip(costs[way].all("cpu_s"), alone, strict=True)
        return [(one - other) * 1e3 for one, other in pairs]

    helping = [cpu_s * 1e3 for cpu_s in costs["dlcore --help"].all("cpu_s")]
    figures = [
        Figure("CPU, dlcore --help", helping, "ms", at_most=150),
        Figure("CPU, import dlcore", beyond_python("import dlcore"), "ms", at_most=100),
        Figure("CPU, from dlcore import Client", beyond_python("use dlcore"), "ms"),
    ]
    return [Outcome("startup", 0, costs, figures, [])]
