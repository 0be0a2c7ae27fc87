"""Tortures dlcore for some minutes: ``python -m tests.torture --minutes M``.

Every scenario gets the same time. The seed is printed; ``DLCORE_SEED`` repeats its
choices, though not the exact instruction at which a process is killed. Ends with status 1 if
anything was found that must not be.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.seeds import given_seed
from tests.torture.campaign import Campaign
from tests.torture.scenarios import SCENARIOS
from tests.torture.tally import table


def main() -> None:
    """Read the command line and torture."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument(
        "--blows", type=int, help="end after this number of them, in place of minutes"
    )
    parser.add_argument("--only", choices=sorted(SCENARIOS), action="append")
    arguments = parser.parse_args()
    seed = given_seed(secrets.randbelow(1 << 31))
    sys.stdout.write(f"seed {seed}\n")
    end_s = time.monotonic() + 60 * arguments.minutes
    with tempfile.TemporaryDirectory(prefix="dlcore-torture-") as folder:
        campaign = Campaign(Path(folder), seed, arguments.only or list(SCENARIOS))
        while not campaign.is_over(end_s, arguments.blows):
            campaign.run_next()
    sys.stdout.write(table(campaign.tallies) + "\n")
    sys.exit(not all(tally.is_clean for tally in campaign.tallies.values()))


if __name__ == "__main__":
    main()
