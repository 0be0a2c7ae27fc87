"""What an agent has received for the packages of one run, by its own word. Pure.

The agent counts since it began, and for all its clients. What it had received before the run asked
does not count. An agent that was restarted counts from 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from dlcore.agent.interface import PackageState, PackageStatus
from dlcore.engine.download.arrival_curve import ArrivalCurve


class RunBytes:
    """Counts from one status of the agent to the next.

    Args:
        digests: Package id -> digest of the manifest that the run means. Other versions do not
            count.

    Attributes:
        fetched: Payload bytes received for the run, by package, also those that came twice.
        arrivals: When they came, as far as it was asked for.
        busy_s: Seconds between two statuses in which bytes came, all together.
        ready: Packages that are complete.
        locations: Package id -> where it was last downloaded from.
        names: What the agent's events call them -> package id.
        ids: The packages that may be meant.
    """

    def __init__(self, digests: Mapping[str, str]) -> None:
        self.fetched = Counter[str]()
        self.arrivals = ArrivalCurve()
        self.busy_s = 0.0
        self.ready: set[str] = set()
        self.locations: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.ids = digests.keys()
        self._digests = digests
        self._life: object = None
        self._latest: dict[str, int] = {}
        self._verified = Counter[str]()
        self._noted_s = 0.0

    def note(self, life: object, packages: Iterable[PackageStatus], now_s: float) -> None:
        """Take note of what the agent says about packages.

        Args:
            life: Tells one life of the agent from the next.
            packages: As the agent says.
            now_s: Seconds by a clock that nobody sets.
        """
        is_first = self._life is None
        if life != self._life:
            self._life = life
            self._latest.clear()
        mine = [each for each in packages if self.means(each)]
        self.names = {each.name: each.package_id for each in mine}
        came_bytes = sum(self._note(each, counts=not is_first) for each in mine)
        if came_bytes:
            self.arrivals.received(came_bytes, now_s)
            self.busy_s += now_s - self._noted_s
        self._noted_s = now_s

    def means(self, package: PackageStatus) -> bool:
        """Whether it is the version that the run means."""
        return self._digests.get(package.package_id) == package.manifest_digest

    def verified_bytes(self, package_id: str) -> int:
        """How much of a package was verified on disk when it was last told."""
        return self._verified[package_id]

    def reused_bytes(self, package_ids: Iterable[str]) -> dict[str, int]:
        """How much of each package was verified on disk and not received for the run."""
        return {p: max(0, self._verified[p] - self.fetched[p]) for p in package_ids}

    def _note(self, package: PackageStatus, *, counts: bool) -> int:
        package_id, name = package.package_id, package.name
        before_bytes = self._latest.get(name, 0)
        self._latest[name] = max(before_bytes, package.received_bytes)
        came_bytes = self._latest[name] - before_bytes if counts else 0
        self.fetched[package_id] += came_bytes
        self._verified[package_id] = max(self._verified[package_id], package.verified_bytes)
        if package.state is PackageState.READY:
            self.ready.add(package_id)
        if package.location:
            self.locations[package_id] = package.location
        return came_bytes
