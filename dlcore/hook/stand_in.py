"""Variables of a task sequence where Windows' own engine is not: in memory, or in a file.

For tests, and for the emulated engine, which shares the file with the processes that it starts.

Guarantees: a pipe in the place of the file is not waited for, and nothing that somebody has put
beside the file is written to, even in a folder where everyone may write.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dlcore.hook.environment import EnvironmentUnavailableError
from dlcore.plain_files import read_plain


class VariablesInMemory:
    """Implements `TaskSequenceEnvironment` over a copy of what it is given.

    Args:
        values: Names and values; of names that differ only in case the last one counts.
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values: dict[str, tuple[str, str]] = {}
        for name, value in (values or {}).items():
            self.set(name, value)

    def get(self, name: str) -> str:
        """The value of a variable; empty if there is none of that name."""
        return self._values.get(name.upper(), ("", ""))[1]

    def set(self, name: str, value: str) -> None:
        """Set a variable; an empty value removes it."""
        if value:
            self._values[name.upper()] = (name, value)
        else:
            self._values.pop(name.upper(), None)

    def names(self) -> tuple[str, ...]:
        """The names of all variables, as they were last written."""
        return tuple(name for name, _ in self._values.values())


class VariablesInFile:
    """Implements `TaskSequenceEnvironment` over a file: one JSON object of names and values.

    The file is read at each call and replaced at each change, so that several processes can use it
    in turn.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, name: str) -> str:
        """The value of a variable; empty if there is none of that name."""
        return self._read().get(name)

    def set(self, name: str, value: str) -> None:
        """Set a variable; an empty value removes it."""
        variables = self._read()
        variables.set(name, value)
        text = json.dumps({each: variables.get(each) for each in variables.names()}, indent=1)
        try:
            self._replace(text)
        except OSError as error:
            raise self._unavailable(error.strerror or type(error).__name__) from None

    def names(self) -> tuple[str, ...]:
        """The names of all variables."""
        return self._read().names()

    def _replace(self, text: str) -> None:
        fd, name = tempfile.mkstemp(prefix=f"{self._path.name}.", dir=self._path.parent)
        try:
            with open(fd, "w", encoding="utf-8") as file:  # noqa: PTH123  # no path has this
                file.write(text)
            Path(name).replace(self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise

    def _read(self) -> VariablesInMemory:
        try:
            found = json.loads(read_plain(self._path).decode("utf-8"))
        except FileNotFoundError:
            return VariablesInMemory()
        except OSError as error:
            raise self._unavailable(error.strerror or type(error).__name__) from None
        except ValueError:
            raise self._unavailable("it is not JSON") from None
        if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
            raise self._unavailable("it is not an object of texts")
        return VariablesInMemory(found)

    def _unavailable(self, reason: str) -> EnvironmentUnavailableError:
        return EnvironmentUnavailableError(
            f"{self._path}: the variables of the task sequence cannot be used: {reason}"
        )
