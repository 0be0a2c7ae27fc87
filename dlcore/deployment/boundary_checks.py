"""The check of boundary groups: which group this machine is in and why, and what looks wrong."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import combinations

from dlcore.deployment.boundary_groups import BoundaryGroup, Fallback, Place, Stage, Way, way_of
from dlcore.deployment.facts import Check, CheckOutcome, Facts
from dlcore.deployment.settings import Deployment

NAME = "boundary-groups"
_IF_NOT_MEANT = "If that is not meant, correct these keys in the deployment file."


def boundary_groups(facts: Facts) -> Check:
    """As `check_boundary`, of the facts."""
    return check_boundary(facts.deployment, facts.place)


def check_boundary(deployment: Deployment, place: Place | None) -> Check:
    """This machine may use an endpoint where it is, and the groups make sense.

    Args:
        deployment: The settings.
        place: Where the machine is; None: it was not looked at.
    """
    if not deployment.boundary:
        return Check(NAME, CheckOutcome.DOES_NOT_APPLY, "no boundary groups are set")
    if place is None:
        return Check(NAME, CheckOutcome.NOT_EXAMINED, "the network of this machine is not known")
    way = way_of(deployment.boundary, place)
    where = _where(way, deployment.boundary.fallback, place)
    if not way.ranks(len(way.stages)):
        return Check(
            NAME,
            CheckOutcome.FAILED,
            where,
            "Describe this network in a [[boundary.group]], or name endpoints for networks that no"
            " group describes in boundary.site_default or boundary.cloud.",
        )
    doubts = list(_doubts(deployment))
    if doubts:
        detail = "; ".join((where, *doubts))
        return Check(NAME, CheckOutcome.WARNING, detail, _IF_NOT_MEANT)
    return Check(NAME, CheckOutcome.PASSED, where)


def _where(way: Way, fallback: Fallback, place: Place) -> str:
    """The groups that may be used, in order, in words."""
    if not way.stages:
        addresses = ", ".join(sorted(place.addresses)) or "none"
        return f"no group describes this network (addresses: {addresses}), so no endpoint is used"
    first, later = way.stages[: way.at_once], way.stages[way.at_once :]
    told = [f"{_named(stage)}, because {stage.why}" for stage in first]
    told += [f"then {_time(stage, fallback)}{_named(stage)}" for stage in later]
    return "; ".join(told)


def _named(stage: Stage) -> str:
    return f"{stage.group} ({', '.join(stage.endpoints) or 'no endpoint'})"


def _time(stage: Stage, fallback: Fallback) -> str:
    is_waited_for = fallback is Fallback.WAIT and stage.after_s
    return f"after {stage.after_s / 60:.0f} min " if is_waited_for else ""


def _doubts(deployment: Deployment) -> Iterator[str]:
    """What can be used as it stands, and is probably not what was meant."""
    boundary = deployment.boundary
    for one, other in combinations(boundary.groups, 2):
        for subnet, overlapping in _overlaps(one, other):
            yield (
                f"{_key(one, 'subnets')}: {subnet} overlaps {overlapping} of group"
                f' "{other.name}": a machine there is in both'
            )
    for group in boundary.groups:
        if not group.endpoints:
            yield f"{_key(group, 'endpoints')}: is empty: a machine in it begins with fallback"
    used = {name for group in boundary.groups for name in group.endpoints}
    used.update(boundary.site_default, boundary.cloud)
    if unused := [each.name for each in deployment.endpoints if each.name not in used]:
        yield (
            f"boundary: {', '.join(unused)} is in the endpoints of no group, and neither in"
            " site_default nor in cloud: no content comes from there"
        )


def _key(group: BoundaryGroup, key: str) -> str:
    return f'boundary.group "{group.name}".{key}'


def _overlaps(one: BoundaryGroup, other: BoundaryGroup) -> Iterator[tuple[str, str]]:
    for subnet in one.subnets:
        for overlapping in other.subnets:
            own, its = ipaddress.ip_network(subnet), ipaddress.ip_network(overlapping)
            if own.version == its.version and own.overlaps(its):
                yield subnet, overlapping
