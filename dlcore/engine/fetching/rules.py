"""What a deployment allows a fetch: which endpoints where the machine is, and how fast at the hour.

Guarantees: no endpoint serves content that no boundary group allows where the machine is, and the
hours of the bandwidth schedule hold; both also while the fetch goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from dlcore.deployment import BandwidthSchedule, Deployment
from dlcore.engine.boundaries import Boundaries
from dlcore.engine.download.allowed import NO_MORE, AllowedEndpoints, AllowedGroups
from dlcore.engine.download.downloads import Downloads
from dlcore.engine.events import Event
from dlcore.engine.traffic import Traffic
from dlcore.machine import Machine, this_machine


class FetchRules:
    """What a deployment allows a fetch, where the machine is and at this hour. For one event loop.

    Args:
        deployment: The settings.
        tell: Hears of every change.
        cap_bytes_per_s: Read at most this much from all endpoints together; 0.0 for what the
            settings say.
        machine: Is asked about its network; None: this machine.
        is_dry_run: Whether it is only asked who would serve: then every endpoint counts that may be
            used here, now or after fallback.
    """

    def __init__(
        self,
        deployment: Deployment,
        tell: Callable[[Event], None],
        *,
        cap_bytes_per_s: float = 0.0,
        machine: Machine | None = None,
        is_dry_run: bool = False,
    ) -> None:
        machine = machine or this_machine()
        costs = {each.name: each.cost for each in deployment.endpoints}
        self._boundaries = Boundaries(deployment.boundary, machine, tell, costs)
        self._traffic = Traffic(
            BandwidthSchedule(deployment.bandwidth),
            deployment.background,
            machine,
            tell,
            cap_bytes_per_s or float(deployment.transfer.cap_bytes_per_s),
        )
        self._is_dry_run = is_dry_run

    async def begin(self) -> None:
        """Look where the machine is. Idempotent."""
        await self._boundaries.begin()

    @property
    def allowed(self) -> AllowedEndpoints:
        """Says which endpoints may be used; after `begin`."""
        return _AfterFallback(self._boundaries) if self._is_dry_run else self._boundaries

    @property
    def groups(self) -> AllowedGroups | None:
        """The boundary groups that count now; None if the settings have none."""
        return self._boundaries.allowed_groups(after_fallback=self._is_dry_run)

    def attach(self, downloads: Downloads) -> None:
        """Keep these downloads to the settings from now on, until `aclose`; after `begin`."""
        self._traffic.attach(downloads)
        self._boundaries.attach(downloads)

    async def aclose(self) -> None:
        """Let go of the downloads. Idempotent."""
        await self._traffic.aclose()
        await self._boundaries.aclose()


class _AfterFallback:
    """Every endpoint that may be used here, now or later. Implements `AllowedEndpoints`."""

    def __init__(self, boundaries: Boundaries) -> None:
        self._boundaries = boundaries

    def ranks_of(self, names: Iterable[str]) -> Mapping[str, int]:
        """All of them, alike."""
        return {name: 0 for name in names if self._boundaries.possible(name)}

    def nothing_left(self, failing_s: float) -> float | None:
        """There are no more."""
        return NO_MORE

    def obstacle(self) -> str:
        """Why no endpoint may be used here."""
        return self._boundaries.obstacle()

    def has_others(self) -> bool:
        """Whether another network may bring more."""
        return self._boundaries.has_others()
