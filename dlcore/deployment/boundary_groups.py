"""Which boundary groups a machine is in, and which endpoints it may use there. Pure.

The rules, as of ConfigMgr's boundary groups for distribution points:

* The machine is in every group of which one boundary holds: a subnet, a site, a VPN or an adapter.
  The endpoints of these *current* groups are used first.
* Others follow, each after its fallback time: neighbors of the current groups, the site default,
  the cloud. An earlier one stays in use, and goes before a later one.
* In an unknown network, which no boundary describes, the site default is used first, then the
  cloud. No fallback time is waited for there: there is nothing better that could come back.
* With `BoundarySettings.prefer_cloud`, the cloud goes before all of them, from the beginning.

A time counts from when nothing that may be used could serve some content. With `Fallback.ORDER` it
only gives the order: the next group follows as soon as those before it have nothing more.

Source: Microsoft Learn, "Boundary groups in Configuration Manager", sections "Fallback",
"Distribution points" and "Task sequences"; "Example of using boundary groups".
"""

from __future__ import annotations

import enum
import fnmatch
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final, NamedTuple

import msgspec

Minutes = Annotated[int, msgspec.Meta(ge=0, description="minutes")]

DEFAULT_FALLBACK_MIN: Final = 120
"""Source: Microsoft Learn, "FallbackDP Method in Class SMS_BoundaryGroupRelationships"."""

SITE_DEFAULT: Final = "site default"
CLOUD: Final = "cloud"


class Fallback(enum.StrEnum):
    """What fallback times mean."""

    ORDER = "order"
    """Their order only, as in ConfigMgr's task sequences."""

    WAIT = "wait"
    """They are waited for, as by ConfigMgr's client otherwise."""


class BoundaryGroup(msgspec.Struct, frozen=True):
    """A group: where a machine must be to be in it, and what it may use then.

    Attributes:
        name: Unique among the groups.
        endpoints: Names of its endpoints.
        subnets: Networks in CIDR form; one of the machine's addresses is in one of them.
        sites: Names of Active Directory sites.
        adapters: Patterns with ``*`` of names or descriptions of adapters that are connected.
        vpn: Whether any connected tunnel counts.
        fallback_min: Neighbors by name, each with its fallback time in minutes.
    """

    name: str
    endpoints: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    adapters: tuple[str, ...] = ()
    vpn: bool = False
    fallback_min: dict[str, Minutes] = {}


class BoundarySettings(msgspec.Struct, frozen=True, rename={"groups": "group"}):
    """The table ``[boundary]``; without groups, every endpoint is used everywhere.

    Attributes:
        groups: The key ``group``: all groups.
        site_default: Endpoints of the site's default group.
        site_default_min: Its fallback time, in minutes.
        cloud: Endpoints that can be reached from everywhere.
        cloud_min: Their fallback time, in minutes.
        prefer_cloud: Whether these go before all others.
        fallback: What fallback times mean.
    """

    groups: tuple[BoundaryGroup, ...] = ()
    site_default: tuple[str, ...] = ()
    site_default_min: Minutes = DEFAULT_FALLBACK_MIN
    cloud: tuple[str, ...] = ()
    cloud_min: Minutes = DEFAULT_FALLBACK_MIN
    prefer_cloud: bool = False
    fallback: Fallback = Fallback.ORDER

    def __bool__(self) -> bool:
        """Whether the place of the machine decides anything."""
        return bool(self.groups)


class Place(NamedTuple):
    """Where a machine is, as far as its network tells.

    Attributes:
        addresses: Its addresses on adapters that are connected.
        adapters: Names and descriptions of these adapters.
        has_tunnel: Whether one of them is a tunnel.
        site: Its Active Directory site; empty if it has none.
    """

    addresses: frozenset[str] = frozenset()
    adapters: frozenset[str] = frozenset()
    has_tunnel: bool = False
    site: str = ""


class Stage(NamedTuple):
    """Endpoints that may be used from some time on.

    Attributes:
        group: Name of their group, or ``SITE_DEFAULT``, or ``CLOUD``.
        endpoints: Their names.
        after_s: Their fallback time, in seconds.
        why: Why this group, in words.
    """

    group: str
    endpoints: tuple[str, ...]
    after_s: float
    why: str


class Way(NamedTuple):
    """What a machine may use at a place, in order.

    Attributes:
        stages: Those that may be used, the best first. Those in front are used from the beginning.
        at_once: How many of them that is; the others follow by fallback.
    """

    stages: tuple[Stage, ...]
    at_once: int

    def due(self, opened: int, failing_s: float, fallback: Fallback) -> int:
        """How many stages may be used when those that are used could not serve something.

        Args:
            opened: How many may be used up to now.
            failing_s: For how long nothing could be served, in seconds.
            fallback: What the times mean.
        """
        opened = max(opened, self.at_once)
        if fallback is Fallback.ORDER:
            return min(opened + 1, len(self.stages))
        while opened < len(self.stages) and self.stages[opened].after_s <= failing_s:
            opened += 1
        return opened

    def ranks(self, opened: int) -> dict[str, int]:
        """The endpoints that may be used, by name; those with a lower rank go before."""
        ranks: dict[str, int] = {}
        for rank, stage in enumerate(self.stages[:opened]):
            for endpoint in stage.endpoints:
                ranks.setdefault(endpoint, rank)
        return ranks


def current_groups(settings: BoundarySettings, place: Place) -> dict[str, str]:
    """The groups that a machine is in, in the order of the settings, each with the reason."""
    found = {group.name: next(_reasons(group, place), "") for group in settings.groups}
    return {name: why for name, why in found.items() if why}


def way_of(settings: BoundarySettings, place: Place) -> Way:
    """What a machine may use at a place."""
    current = current_groups(settings, place)
    default_s, cloud_s = settings.site_default_min * 60.0, settings.cloud_min * 60.0
    default = Stage(SITE_DEFAULT, settings.site_default, default_s, "it is the site's default")
    cloud = Stage(CLOUD, settings.cloud, cloud_s, "it can be reached from everywhere")
    last = [default] if settings.prefer_cloud else [default, cloud]
    if current:
        first, later = _known(settings, current, last)
    else:
        first, later = _unknown(last)
    if settings.prefer_cloud and cloud.endpoints:
        first.insert(0, cloud._replace(after_s=0.0, why="the settings prefer it"))
    return Way((*first, *later), len(first))


def _known(
    settings: BoundarySettings, current: Mapping[str, str], last: Sequence[Stage]
) -> tuple[list[Stage], list[Stage]]:
    """The current groups, and what follows by fallback. All current groups are one stage."""
    groups = {group.name: group for group in settings.groups}
    endpoints = dict.fromkeys(e for name in current for e in groups[name].endpoints)
    why = "; ".join(dict.fromkeys(current.values()))
    times_min: dict[str, int] = {}
    for name in current:
        for neighbor, after_min in groups[name].fallback_min.items():
            if neighbor not in current:
                times_min[neighbor] = min(after_min, times_min.get(neighbor, after_min))
    named = ", ".join(current)
    neighbors = [
        Stage(name, groups[name].endpoints, after_min * 60.0, f"a neighbor of {named}")
        for name, after_min in times_min.items()
    ]
    later = sorted((*neighbors, *last), key=lambda stage: stage.after_s)  # stable: ties keep order
    return [Stage(named, tuple(endpoints), 0.0, why)], [each for each in later if each.endpoints]


def _unknown(last: Sequence[Stage]) -> tuple[list[Stage], list[Stage]]:
    """The first of what is left, and the rest, which waits for nothing but a failure."""
    stages = [
        stage._replace(after_s=0.0, why="no group describes this network")
        for stage in last
        if stage.endpoints
    ]
    return stages[:1], stages[1:]


def _reasons(group: BoundaryGroup, place: Place) -> Iterator[str]:
    """Why a machine is in a group; nothing if it is not."""
    for subnet in group.subnets:
        for address in sorted(place.addresses):
            if is_in(address, subnet):
                yield f"{address} is in {subnet}"
    for site in group.sites:
        if site.lower() == place.site.lower() and site:
            yield f"the Active Directory site is {place.site}"
    if group.vpn and place.has_tunnel:
        yield "a VPN is connected"
    for pattern in group.adapters:
        for name in sorted(place.adapters):
            if fnmatch.fnmatchcase(name.lower(), pattern.lower()):
                yield f'the adapter "{name}" is connected'


def is_in(address: str, subnet: str) -> bool:
    """Whether an address is in a network of the same family; a zone (``%eth0``) does not count."""
    return ipaddress.ip_address(address.partition("%")[0]) in ipaddress.ip_network(subnet)
