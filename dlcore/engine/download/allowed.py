"""Which endpoints may be used where the machine is, as the download asks it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol


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
            Seconds until more may be used; 0.0: more will be in a moment; None: there are no more.
        """
        ...

    def obstacle(self) -> str:
        """Why no endpoint may be used; empty if one may."""
        ...


class AllEndpoints:
    """Every endpoint may be used everywhere. Implements `AllowedEndpoints`."""

    def ranks_of(self, names: Iterable[str]) -> Mapping[str, int]:
        """All of them, alike."""
        return dict.fromkeys(names, 0)

    def nothing_left(self, failing_s: float) -> float | None:
        """There are no more."""
        return None

    def obstacle(self) -> str:
        """There is none."""
        return ""
