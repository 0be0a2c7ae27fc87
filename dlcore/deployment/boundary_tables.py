"""The table ``[boundary]`` of a deployment file, as settings that can be used as they stand.

Guarantees: group names are unique; every endpoint and every neighbor that is named exists; every
subnet is one; each group has a boundary, and every time is a number of minutes, 0 or more.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Collection, Iterable

from dlcore.deployment import toml_tables as tables
from dlcore.deployment.boundary_groups import (
    CLOUD,
    SITE_DEFAULT,
    BoundaryGroup,
    BoundarySettings,
)
from dlcore.deployment.problems import Problems
from dlcore.errors import ConfigError
from dlcore.model import EndpointSettings
from dlcore.spelling import hint

_KEYS = BoundarySettings.__struct_encode_fields__
_A_SUBNET = 'Write a network and the length of its prefix, as in "10.20.0.0/16".'


def read_boundary(
    value: object, endpoints: Collection[EndpointSettings] | None, where: str
) -> BoundarySettings:
    """Read the table.

    Args:
        value: What the file has there.
        endpoints: Those of the file; None if they cannot be used, and names are not compared.
        where: The file and the key, for messages.

    Raises:
        ConfigError: Settings cannot be used: all of them.
    """
    problems, groups = Problems(), list[BoundaryGroup]()
    table = dict(tables.as_table(value, where))
    has_groups, listed = "group" in table, table.pop("group", [])
    if not isinstance(listed, list):
        problems.add(
            f"{where}.group: not a list of tables", "Write [[boundary.group]] above each group."
        )
        listed = []
    names = [each.name for each in endpoints] if endpoints is not None else None
    for number, item in enumerate(listed, 1):
        with problems:
            groups.append(_read_group(item, _group_label(item, number, where), names))
    given = [_name_of(item).strip() for item in listed]
    _check_groups(groups, given, where, problems)
    settings = BoundarySettings()
    with problems:
        table = tables.only_known(table, _KEYS, where, problems)
        values = tables.values_of(BoundarySettings, table, where, problems)
        settings = BoundarySettings(**{**values, "groups": tuple(groups)})
    for key in ("site_default", "cloud"):
        _check_names(getattr(settings, key), names, f"{where}.{key}", "endpoint", problems)
    if value and not has_groups:
        problems.add(
            f"{where}: has no group", "Write [[boundary.group]], or leave the table [boundary] out."
        )
    problems.refuse()
    return settings


def _name_of(item: object) -> str:
    """The name of a group that may be wrong otherwise; empty if it has none."""
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else ""


def _group_label(item: object, number: int, where: str) -> str:
    """What messages call a group: by its name if it has one."""
    name = _name_of(item)
    return f'{where}.group "{name}"' if name else f"{where}.group number {number}"


def _read_group(value: object, where: str, names: list[str] | None) -> BoundaryGroup:
    group = tables.build(BoundaryGroup, value, where)
    problems = Problems()
    if group.name in ("", SITE_DEFAULT, CLOUD):
        problems.add(f"{where}.name: cannot be used as a name", "Give it a name of its own.")
    elif group.name != group.name.strip():
        problems.add(f"{where}.name: begins or ends with a space", "Leave the space out.")
    for subnet in group.subnets:
        with problems:
            _check_subnet(subnet, f"{where}.subnets")
    if not (group.subnets or group.sites or group.adapters or group.vpn):
        problems.add(
            f"{where}: has no boundary, which says where a machine must be to be in it",
            "Write subnets, sites, adapters or vpn = true.",
        )
    _check_names(group.endpoints, names, f"{where}.endpoints", "endpoint", problems)
    problems.refuse()
    return group


def _check_subnet(subnet: str, where: str) -> None:
    try:
        if "/" not in subnet:
            raise ValueError
        meant = ipaddress.ip_network(subnet, strict=False)
    except ValueError:
        raise ConfigError(f"{where}: {subnet} is not a subnet", remedy=_A_SUBNET) from None
    try:
        ipaddress.ip_network(subnet)
    except ValueError:
        raise ConfigError(
            f"{where}: {subnet} is an address in a subnet, not the subnet",
            remedy=f'Write "{meant}".',
        ) from None


def _check_groups(
    groups: list[BoundaryGroup], given: list[str], where: str, problems: Problems
) -> None:
    """Check names across groups.

    Args:
        groups: Those that can be used.
        given: The names of all that the file has, also of those that cannot be used. If one has no
            name, a neighbor may be meant by it, and neighbors are not compared.
        where: The file and the key, for messages.
        problems: Hears what is wrong.
    """
    for name, count in Counter(filter(None, given)).items():
        if count > 1:
            problems.add(f'{where}: {count} groups are named "{name}"', "Give each its own name.")
    known = given if all(given) else None
    for group in groups:
        at = f'{where}.group "{group.name}".fallback_min'
        _check_names(group.fallback_min, known, at, "group", problems)
        if group.name in group.fallback_min:
            problems.add(f"{at}: names the group itself", "Name its neighbors there.")


def _check_names(
    given: Iterable[str], known: list[str] | None, where: str, what: str, problems: Problems
) -> None:
    for name in given if known is not None else ():
        if name not in (known or ()):
            problems.add(
                f'{where}: no {what} is named "{name}"{hint(name, known or ())}',
                f"Names of {what}s in this file: {', '.join(known or ()) or 'none'}.",
            )
