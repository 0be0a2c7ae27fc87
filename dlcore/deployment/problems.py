"""Gathers all that is wrong with a file of settings, so that one reading tells all of it.

What depends on nothing else is read inside ``with problems:``, and the reading goes on behind it.
`Problems.refuse` ends the reading: from there on everything is as it should be.
"""

from __future__ import annotations

from types import TracebackType

from dlcore.errors import ConfigError
from dlcore.printable import printable

_REMEDY = "Correct all of them and run again."


class Problems:
    """The settings that cannot be used, in the order in which they were found.

    Example::

        problems = Problems()
        with problems:
            client = read_client(table)
        with problems:
            launch = read_launch(table)
        problems.refuse()
        use(client, launch)
    """

    def __init__(self) -> None:
        self._found: list[ConfigError] = []

    def __enter__(self) -> None:
        """Go on behind the block, whatever cannot be used in it."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, ConfigError):
            return False
        self._found += error.problems or (error,)
        return True

    def add(self, message: str, remedy: str) -> None:
        """Take note of a setting that cannot be used.

        Args:
            message: The file, the key, and what is wrong with it.
            remedy: What to write in its place.
        """
        self._found.append(ConfigError(message, remedy=remedy))

    def refuse(self, source: str = "") -> None:
        """Raise what was found; return if that is nothing.

        Args:
            source: The file. It is named once, however many problems there are.

        Raises:
            ConfigError: Of one setting; or of several, each a line of the message with its remedy.
        """
        if len(self._found) == 1:
            raise self._found[0]
        if self._found:
            lines = (f"{e.message.removeprefix(f'{source}: ')}. {e.remedy}" for e in self._found)
            listed = "\n".join(f"  {printable(line)}" for line in lines)
            raise ConfigError(
                f"{f'{source}: ' if source else ''}{len(self._found)} settings cannot be used:\n"
                f"{listed}",
                problems=tuple(self._found),
                remedy=_REMEDY,
            )
