"""Which endpoints may be used where the machine is, as the download asks it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

import msgspec

NO_MORE: Final = None
"""No other endpoint may be used later, as long as the machine stays where it is."""

IN_A_MOMENT: Final = 0.0
"""More endpoints may be used at once; they are asked for everything that is being fetched."""


class AllowedGroups(msgspec.Struct, frozen=True):
    """The boundary groups that allow endpoints.

    Attributes:
        groups: The best first, each with the names of its endpoints.
        by_fallback: Those of them that follow by fallback: the groups before them could not serve
            all.
        reason: Why these groups, in words; if there is none, why not.
    """

    groups: dict[str, tuple[str, ...]]
    by_fallback: tuple[str, ...]
    reason: str


class AllowedEndpoints(Protocol):
    """Knows what may be used now; it changes when the machine moves, and by fallback."""

    def ranks_of(self, names: Iterable[str]) -> Mapping[str, int]:
        """Those of some endpoints that may be used now; one with a lower rank goes before."""
        ...

    def nothing_left(self, failing_s: float) -> float | None:
        """The endpoints that may be used cannot serve something.

        Args:
            failing_s: For how many seconds that has been so.

        Returns:
            Seconds until more may be used; or `IN_A_MOMENT`, or `NO_MORE`.
        """
        ...

    def obstacle(self) -> str:
        """Why no endpoint may be used; empty if one may."""
        ...

    def has_others(self) -> bool:
        """Whether another network may bring endpoints that may not be used in this one."""
        ...


class AllEndpoints:
    """Every endpoint may be used everywhere. Implements `AllowedEndpoints`."""

    def ranks_of(self, names: Iterable[str]) -> Mapping[str, int]:
        """All of them, alike."""
        return dict.fromkeys(names, 0)

    def nothing_left(self, failing_s: float) -> float | None:
        """`NO_MORE`: all may be used already."""
        return NO_MORE

    def obstacle(self) -> str:
        """Empty: all may be used."""
        return ""

    def has_others(self) -> bool:
        """False: all may be used already."""
        return False
