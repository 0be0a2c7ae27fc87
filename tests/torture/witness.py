"""A step that writes down what it sees: its name, and one digest of all files in its folder.

``python witness.py NAME LOG ENVIRONMENT``. It does the same as the shell script `scene.WITNESS`, on
systems without a shell, and imports nothing of dlcore.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path


def main() -> None:
    """Append a line to the log, and the environment to another file."""
    name, log, environment = sys.argv[1:]
    files = sorted(
        (f"./{path.as_posix()}".encode(), path) for path in Path().rglob("*") if path.is_file()
    )
    lines = [
        hashlib.sha256(path.read_bytes()).hexdigest().encode() + b" *" + relative + b"\n"
        for relative, path in files
    ]
    _append(Path(log), f"{name} {hashlib.sha256(b''.join(lines)).hexdigest()}  -\n")
    _append(Path(environment), "".join(f"{key}={text}\n" for key, text in os.environ.items()))


def _append(path: Path, text: str) -> None:
    with path.open("ab", buffering=0) as file:
        file.write(text.encode())


if __name__ == "__main__":
    main()
