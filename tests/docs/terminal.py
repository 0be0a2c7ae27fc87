"""A real shell in a home of its own, into which the commands of a document are typed."""

from __future__ import annotations

import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

PORT = "8443"
"""The port in the documents. Commands get a free one in its place, and it is put back into what
they print."""

HOME = "home/ann"
PATIENCE_S = 60.0


class Home:
    """A temporary home, and the port of its server. What commands print tells of neither."""

    def __init__(self, folder: Path) -> None:
        self._root = folder.resolve()
        self.path = self._root / HOME
        self.path.mkdir(parents=True)
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            self._port = str(listening.getsockname()[1])

    def enter(self, text: str) -> str:
        """A document's text as it holds here."""
        return re.sub(rf"\b{PORT}\b", self._port, text)

    def leave(self, printed: str) -> str:
        """What was printed here, as a document has it."""
        return re.sub(rf"\b{self._port}\b", PORT, printed).replace(str(self._root), "")


class Terminal:
    """A shell. Leaving the context ends it, and all that it started."""

    def __init__(self, home: Home) -> None:
        self._home = home
        kept = {name: os.environ[name] for name in ("SYSTEMROOT", "TMPDIR") if name in os.environ}
        environment = kept | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home.path),
            "LC_ALL": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self._shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=home.path,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._input, self._output = self._shell.stdin, self._shell.stdout
        os.set_blocking(self._output.fileno(), False)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._shell.pid, number)
                self._shell.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        self._input.close()
        self._output.close()

    def run(self, command: str) -> tuple[str, int]:
        """Run a command to its end.

        Returns:
            All that it printed, and its exit status.
        """
        mark = uuid.uuid4().hex
        self._type(f"(exit ${{last:-0}}); {{ {command}\n}} </dev/null; last=$?; echo {mark} $last")
        ending = re.compile(rf"{mark} (\d+)\n")
        printed = self._read(lambda text: ending.search(text) is not None)
        status = ending.search(printed)
        assert status is not None, printed  # the shell itself has ended, or takes too long
        return self._home.leave(printed[: status.start()]), int(status[1])

    def start(self, command: str, is_ready: Callable[[str], bool]) -> str:
        """Run a command until it has printed what is expected; it goes on running.

        Returns:
            What it has printed up to then, or until patience was lost.
        """
        self._type(f"{command} </dev/null")
        return self._home.leave(self._read(lambda text: is_ready(self._home.leave(text))))

    def _type(self, text: str) -> None:
        self._input.write(self._home.enter(text).encode() + b"\n")
        self._input.flush()

    def _read(self, is_enough: Callable[[str], bool]) -> str:
        """What is printed until it is enough, the shell ends, or patience is lost."""
        printed, deadline = b"", time.monotonic() + PATIENCE_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            while not is_enough(printed.decode(errors="replace")):
                if not selector.select(deadline - time.monotonic()):
                    break
                piece = self._output.read()
                if not piece:
                    break
                printed += piece
        return printed.decode(errors="replace")
