"""What runs a proxy script, as a process of its own that has nothing to lose.

Started by its path, with no environment. It reads one JSON object from standard input (``script``,
``url``, ``host`` and ``max_run_s``) and writes the list of ways that the script names: ``DIRECT``,
or the URL of a proxy.

Guarantees: the script gets the functions of a proxy script and its arguments. It opens no file and
no connection, starts no program and sees no variable: Python refuses all of that to the whole
process before the script is looked at. It does not learn which files exist: the interpreter's own
functions, which would look for modules, are taken away. It may look names up, as proxy scripts do.
The process ends by itself, also if the one that started it is gone.

Source: for the functions, MDN, "Proxy Auto-Configuration (PAC) file"; for the refusal, Python's
documentation, "Audit events table"; for the end, the same, "faulthandler".
"""

from __future__ import annotations

import faulthandler
import json
import math
import sys
import time
from typing import Any

MAX_MEMORY_BYTES = 1 << 30
MAX_ANSWER_CHARACTERS = 4096

_GRACE_S = 1.0  # who started this process is first to end it, and can say why
_REFUSED = (
    "open",
    "os.",
    "subprocess.",
    "socket.connect",
    "socket.bind",
    "socket.send",
    "ctypes.",
    "shutil.",
)


class _NoModules:
    """Finds no module. To look for one would tell the script which files exist."""

    def lookup(self, _name: str) -> tuple[None, None]:
        return None, None

    def load(self, _name: str) -> tuple[None, None, None]:
        return None, None, None


def bare_interpreter() -> Any:
    """An interpreter of JavaScript that calls no function of Python until one is exported."""
    import dukpy

    interpreter = dukpy.JSInterpreter()
    interpreter._funcs.clear()  # there is no public way; fails if the attribute is gone
    modules = interpreter._loader = _NoModules()
    if interpreter.loader is not modules:
        raise TypeError("the interpreter would still look for modules")
    return interpreter


def limit_this_process(max_run_s: float) -> None:
    """Let the system end this process, whoever else is left to do so.

    Args:
        max_run_s: Seconds for the script. The process ends a second later at the latest.
    """
    until_end_s = max_run_s + _GRACE_S
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
        cpu_s = math.ceil(time.process_time() + until_end_s)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    # A thread of Python's would wait for the script, which holds the interpreter's lock.
    faulthandler.dump_traceback_later(until_end_s, exit=True)


def refuse_the_rest() -> None:
    """Refuse everything to this process that a proxy script does not need."""

    def refuse(event: str, _arguments: tuple[Any, ...]) -> None:
        if event.startswith(_REFUSED):
            raise PermissionError(f"{event} is refused")

    sys.addaudithook(refuse)


def main() -> None:
    """Answer one question."""
    import dukpy
    from pypac.parser import PACFile, parse_pac_value

    question = json.load(sys.stdin)
    limit_this_process(question["max_run_s"])
    "".encode("idna")  # imported when a name is looked up first
    interpreter = bare_interpreter()
    dukpy.JSInterpreter = lambda: interpreter  # where pypac takes its interpreter from
    refuse_the_rest()
    answer = PACFile(question["script"]).find_proxy_for_url(question["url"], question["host"])
    if not isinstance(answer, str):
        raise TypeError("no text")
    json.dump(parse_pac_value(answer[:MAX_ANSWER_CHARACTERS]), sys.stdout)


if __name__ == "__main__":
    main()
