"""What runs a proxy script, as a process of its own that has nothing to lose.

Started by its path, with no environment. It reads one JSON object from standard input (``script``,
``url``, ``host``) and writes the list of ways that the script names: ``DIRECT``, or the URL of a
proxy.

Guarantees: the script gets the functions of a proxy script and its arguments. It opens no file and
no connection, starts no program and sees no variable: Python refuses all of that to the whole
process before the script is looked at. It may look names up, as proxy scripts do.

Source: for the functions, MDN, "Proxy Auto-Configuration (PAC) file"; for the refusal, Python's
documentation, "Audit events table".
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

MAX_MEMORY_BYTES = 1 << 30
MAX_ANSWER_CHARACTERS = 4096

_REFUSED = (
    "os.",
    "subprocess.",
    "socket.connect",
    "socket.bind",
    "socket.send",
    "ctypes.",
    "shutil.",
)


def refuse_the_rest(readable: Path) -> None:
    """Refuse everything to this process that a proxy script does not need.

    Args:
        readable: A folder whose files may be read nevertheless: the interpreter's own.
    """
    folder = str(readable)  # as the interpreter names it, whatever links lead there

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode = arguments[0], arguments[1]
            is_own = isinstance(path, str) and str(Path(path).parent) == folder
            if is_own and mode in {None, "r", "rb"}:
                return
        elif not event.startswith(_REFUSED):
            return
        raise PermissionError(f"{event} is refused")

    sys.addaudithook(refuse)


def main() -> None:
    """Answer one question."""
    import dukpy
    from pypac.parser import PACFile, parse_pac_value

    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    question = json.load(sys.stdin)
    "".encode("idna")  # imported when a name is looked up first
    refuse_the_rest(Path(dukpy.__file__).parent / "jsruntime")
    answer = PACFile(question["script"]).find_proxy_for_url(question["url"], question["host"])
    if not isinstance(answer, str):
        raise TypeError("no text")
    json.dump(parse_pac_value(answer[:MAX_ANSWER_CHARACTERS]), sys.stdout)


if __name__ == "__main__":
    main()
