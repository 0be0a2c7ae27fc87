"""Which keys count for which role: the first root of a site, and the changes that follow.

Pure: a root goes in, the next one comes out. `signing` signs it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from securesystemslib.signer import Key
from tuf.api.metadata import Root as Root

from dlcore.errors import ConfigError
from dlcore.trust.layout import ROLES, Role

MIN_KEY_ID_CHARACTERS = 6  # of the beginning of a key's id, which people type


class RootChange(NamedTuple):
    """What the next root says otherwise than the last one.

    Attributes:
        add: Keys that count for a role from now on.
        remove: Ids of keys, or their first characters, that count no longer.
        thresholds: How many keys must sign for a role.
    """

    add: tuple[tuple[Role, Key], ...] = ()
    remove: tuple[tuple[Role, str], ...] = ()
    thresholds: Mapping[Role, int] = {}


def first_root(keys: Mapping[Role, Iterable[Key]]) -> Root:
    """The first root of a site; one signature suffices for each role."""
    root = Root(version=1, consistent_snapshot=True)
    for role in ROLES:
        for key in keys[role]:
            root.add_key(key, role)
    return root


def next_root(root: Root, change: RootChange) -> Root:
    """The root that follows.

    Raises:
        ConfigError: A key is not there, or fewer keys than its threshold would be left to a role.
    """
    following = copy.deepcopy(root)
    following.version += 1
    for role, key in change.add:
        following.add_key(key, role)
    for role, start in change.remove:
        following.revoke_key(_key_id(following, role, start), role)
    for role, threshold in change.thresholds.items():
        following.roles[role].threshold = threshold
    for role in ROLES:
        _check_threshold(following, role)
    return following


def _key_id(root: Root, role: Role, start: str) -> str:
    found = [keyid for keyid in root.roles[role].keyids if keyid.startswith(start)]
    if len(found) != 1 or len(start) < MIN_KEY_ID_CHARACTERS:
        raise ConfigError(
            f"the id {start!r} does not name one key of the {role}",
            remedy=f"Give at least {MIN_KEY_ID_CHARACTERS} characters of one of:"
            f" {', '.join(root.roles[role].keyids)}.",
        )
    return found[0]


def _check_threshold(root: Root, role: Role) -> None:
    keys, threshold = len(root.roles[role].keyids), root.roles[role].threshold
    if not 1 <= threshold <= keys:
        raise ConfigError(
            f"the {role} would have {keys} keys and need {threshold} signatures",
            remedy=f"Choose a threshold from 1 to {keys}, or add keys."
            if keys
            else "Add a key before the last one is removed.",
        )
