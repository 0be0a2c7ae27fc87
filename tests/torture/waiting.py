"""An interpreter that imports what commands need, and then becomes the one that it is told.

It prints that it is ready, and reads one line of JSON: arguments, file of the output, environment.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.torture.command import READY, become, preload

if __name__ == "__main__":
    preload()
    sys.stdout.write(READY)
    sys.stdout.flush()
    job = json.loads(sys.stdin.readline())
    become(job["arguments"], Path(job["output"]), job["env"])
