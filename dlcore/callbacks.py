"""Callbacks: functions of the program that uses dlcore, whose failures go no further.

Guarantees: what dlcore does goes on, whatever a callback raises. Its first failure is logged, with
the place in the code. The text of the error is not: it may hold a secret of that program.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Callback(Generic[T]):
    """Calls a function; what it raises is logged, and not raised.

    A cancellation, and a request to end, are passed on.

    Args:
        function: Belongs to the program, or to a library that the program chose.

    Attributes:
        function: As given.
    """

    def __init__(self, function: Callable[[T], object]) -> None:
        self.function = function
        self._has_failed = False

    def __call__(self, told: T) -> None:
        """Call the function."""
        try:
            self.function(told)
        except Exception as error:
            if not self._has_failed:
                self._has_failed = True
                _log.warning("%s; dlcore goes on, and calls it again", _described(error))


def _described(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"a callback failed: {type(error).__name__} in {place.filename}, line {place.lineno}"
