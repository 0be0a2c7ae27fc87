"""Windows' own task sequence engine, emulated from what is documented of it.

It stops at each step that needs content, has the content downloaded, and runs the step: by the
program that the variable ``SMSTSDownloadProgram`` names, called as Windows calls it, else, or if
that falls back, by the built-in downloader. The variables outlive a restart of the machine; nothing
else does. Steps only take time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from bench.hook.built_in import BuiltIn, DownloadError
from bench.hook.package_hash import package_hash
from dlcore.hook.contract import DELIVERED
from dlcore.hook.opening import STAND_IN_VARIABLE
from dlcore.hook.stand_in import VariablesInFile
from dlcore.tasksequence import Group, Node, Step, TaskSequence, is_download, needs, read
from dlcore.tasksequence.step_types import RESTART

INI = "SMSTSDownload.INI"
_CREDENTIALS = "[Sources]\r\nUser=CONTOSO\\naa\r\nPassword=of the network access account\r\n"


class Content(NamedTuple):
    """How one package came.

    Attributes:
        package_id: Its id.
        stall_s: How long its step waited for it.
        by: Who brought it: ``hook`` or ``built-in``.
        exit_code: Of the program; None if it was not called.
    """

    package_id: str
    stall_s: float
    by: str
    exit_code: int | None


class Ran(NamedTuple):
    """A step that ran.

    Attributes:
        name: Its name.
        contents: How its packages came.
        run_s: How long it ran.
    """

    name: str
    contents: tuple[Content, ...]
    run_s: float


class SwitchedOffError(Exception):
    """The machine was switched off while it ran the sequence."""


class EmulatedEngine:
    """One machine that runs a task sequence.

    Args:
        root: The machine's disk.
        variables: What the task sequence's variables are at the start; those of an earlier life of
            the machine come before them.
        url: Where the distribution point's packages are.
        durations_s: How long each step runs, by its name.
        sleep: Lets time pass; None: as it does.
    """

    def __init__(
        self,
        root: Path,
        variables: Mapping[str, str],
        url: str,
        durations_s: Mapping[str, float],
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.root = root
        self._file = root / "variables.json"
        self.variables = VariablesInFile(self._file)
        if not self._file.exists():
            root.mkdir(parents=True, exist_ok=True)
            for name, value in variables.items():
                self.variables.set(name, value)
            self.variables.set("_SMSTSNextInstructionPointer", "0")
        text = self.variables.get("_SMSTSTaskSequence")
        self._sequence: TaskSequence = read(text.encode(), source="the policy")
        self._is_off = threading.Event()
        self._called: subprocess.Popen[bytes] | None = None
        self._sleep = sleep or self._wait
        self._built_in = BuiltIn(url, self.variables, self._sleep)
        self._durations_s = durations_s

    def switch_off(self) -> None:
        """End the program that is called, and have `run` raise `SwitchedOffError` soon."""
        self._is_off.set()
        if self._called:
            self._called.terminate()

    def _wait(self, duration_s: float) -> None:
        if self._is_off.wait(duration_s):
            raise SwitchedOffError

    @property
    def built_in_bytes(self) -> int:
        """Received by the built-in downloader in this life of the machine."""
        return self._built_in.received_bytes

    def run(self) -> Iterator[Ran]:
        """Run steps until the end of the sequence, or until the machine restarts.

        Yields:
            Each step when it has run. After a *Restart Computer* step the machine is gone, and
            another engine goes on.

        Raises:
            DownloadError: Content cannot be obtained.
            SwitchedOffError: `switch_off` was called meanwhile.
        """
        nodes = list(_nodes(self._sequence.root))
        self.variables.set("_SMSTSInstructionTableSize", str(len(nodes)))
        while (pointer := int(self.variables.get("_SMSTSNextInstructionPointer"))) < len(nodes):
            node = nodes[pointer]
            if isinstance(node, Step) and node.enabled:
                self.variables.set("_SMSTSCurrentActionName", node.name)
                yield self._step(node)
            self.variables.set("_SMSTSNextInstructionPointer", str(pointer + 1))
            if isinstance(node, Step) and node.type == RESTART:
                return

    @property
    def has_ended(self) -> bool:
        """Whether the sequence is at its end."""
        pointer = int(self.variables.get("_SMSTSNextInstructionPointer"))
        return pointer >= len(list(_nodes(self._sequence.root)))

    def _step(self, step: Step) -> Ran:
        contents = tuple(self._content(each) for each in needs(step))
        if is_download(step):
            self._move(step, needs(step))
        run_s = self._durations_s[step.name]
        self._sleep(run_s)
        return Ran(step.name, contents, run_s)

    def folder(self, package_id: str) -> Path:
        """Where a package goes: the task sequence's cache."""
        return self.root / "_SMSTaskSequence" / "Packages" / package_id

    def _content(self, package_id: str) -> Content:
        folder = self.folder(package_id)
        if self.variables.get(f"_SMSTSPackageCacheLocation{package_id}"):
            return Content(package_id, 0.0, "cache", None)
        began_s = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        code = self._program(package_id, folder)
        if code == DELIVERED:
            wanted = self.variables.get(f"_SMSTSPkgHash{package_id}")
            if wanted and package_hash(folder) != wanted:
                raise DownloadError(f"package {package_id}: the program delivered something else")
        elif code is not None and str(code) == self.variables.get("SMSTSDownloadAbortCode"):
            raise DownloadError(f"package {package_id}: the program aborts with {code}")
        else:
            self._built_in.download(package_id, folder)
        self.variables.set(f"_SMSTSPackageCacheLocation{package_id}", str(folder))
        by = "hook" if code == DELIVERED else "built-in"
        return Content(package_id, time.monotonic() - began_s, by, code)

    def _program(self, package_id: str, folder: Path) -> int | None:
        """Call the download program; None if there is none."""
        program = self.variables.get("SMSTSDownloadProgram")
        if not program:
            return None
        ini = self.root / "Temp" / INI
        ini.parent.mkdir(exist_ok=True)
        ini.write_text(_CREDENTIALS, encoding="utf-16")
        try:
            with subprocess.Popen(
                [program, str(ini), package_id, str(folder)],
                env={**os.environ, STAND_IN_VARIABLE: str(self._file)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as self._called:
                if self._is_off.is_set():
                    self._called.terminate()
                code = self._called.wait()
            if self._is_off.is_set():
                raise SwitchedOffError
            return code
        finally:
            ini.unlink()

    def _move(self, step: Step, packages: tuple[str, ...]) -> None:
        """What *Download Package Content* does in the end: it moves to its own destination."""
        parent = step.variables.get("OSDDownloadDestinationPath")
        if step.variables.get("OSDDownloadDestinationLocationType") != "Custom" or not parent:
            return
        for package_id in packages:
            target = Path(parent) / package_id
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(self.folder(package_id), target)
            self.variables.set(f"_SMSTSPackageCacheLocation{package_id}", str(target))


def _nodes(group: Group) -> Iterator[Node]:
    """The table of instructions: groups and steps in order."""
    for child in group.children:
        yield child
        if isinstance(child, Group):
            yield from _nodes(child)
