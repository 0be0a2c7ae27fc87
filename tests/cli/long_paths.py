"""Runs dlcore and ends with status 99 if it hands Windows a path that Windows would refuse.

``python -m tests.cli.long_paths ARGUMENT...``
"""

from __future__ import annotations

import os
import sys

from dlcore.cli import main
from dlcore.long_path import MAX_FOLDER_PATH

REFUSED = 99
_CALLS = ("open", "os.", "shutil.")
_refused: list[str] = []


def _look(event: str, arguments: tuple[object, ...]) -> None:
    if not event.startswith(_CALLS):
        return
    for argument in arguments:
        path = os.fspath(argument) if isinstance(argument, str | os.PathLike) else ""
        if len(path) > MAX_FOLDER_PATH and not path.startswith("\\\\?\\"):
            _refused.append(f"{event}: {path}")


if __name__ == "__main__":
    if sys.platform == "win32":
        sys.addaudithook(_look)
    try:
        main(sys.argv[1:])
    except SystemExit as ended:
        status = ended.code
    if _refused:
        sys.stderr.write("\n".join(_refused))
    sys.exit(REFUSED if _refused else status)
