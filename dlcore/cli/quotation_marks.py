"""Refuses a path that Windows has cut wrongly, before any option is read."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

_CUT_WRONGLY = re.compile(r'(?:[A-Za-z]:|\\\\)[^"]*"')


def check_quotation_marks(arguments: Iterable[str], *, platform: str = sys.platform) -> None:
    r"""Refuse a path that has swallowed the arguments behind it.

    A backslash makes the quotation mark behind it a part of the argument: ``"C:\a b\" -q`` is one
    argument. No path of Windows contains a quotation mark.

    Raises:
        ConfigError: There is such a path.

    Source: Microsoft Learn, "Parsing C command-line arguments".
    """
    for argument in arguments:
        if platform == "win32" and _CUT_WRONGLY.match(argument):
            from dlcore.errors import ConfigError

            raise ConfigError(
                f"a path contains a quotation mark: {argument}",
                remedy="Leave out the backslash before the closing quotation mark, or double it.",
            )
