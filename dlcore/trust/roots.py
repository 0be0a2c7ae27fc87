"""Which keys count for which role: the first root of a site, and the changes that follow.

Pure: a root goes in, the next one comes out. `signing` signs it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec
from securesystemslib.signer import Key
from tuf.api.metadata import Root as Root

from dlcore.errors import ConfigError
from dlcore.printable import quoted
from dlcore.trust.layout import ROLES, Role
from dlcore.trust.policy import DEFAULT_LIFETIMES, Lifetimes

_LIFETIMES: Final = "x-dlcore-lifetimes-s"  # TUF lets a document have members of one's own
MIN_KEY_ID_CHARACTERS = 6  # of the beginning of a key's id, which people type


class RootChange(NamedTuple):
    """What the next root changes.

    Attributes:
        add: Keys that count for a role from now on.
        remove: Ids of keys, or their first characters, that count no longer.
        thresholds: How many keys must sign for a role.
        lifetimes_s: For how many seconds a role's documents are valid from now on.
    """

    add: tuple[tuple[Role, Key], ...] = ()
    remove: tuple[tuple[Role, str], ...] = ()
    thresholds: Mapping[Role, int] = {}
    lifetimes_s: Mapping[Role, int] = {}


def first_root(keys: Mapping[Role, Iterable[Key]], lifetimes: Lifetimes) -> Root:
    """The first root of a site; one signature suffices for each role.

    It also says for how long documents are valid, so that all publishers sign for the same time.
    """
    fields = {_LIFETIMES: msgspec.to_builtins(lifetimes)}
    root = Root(version=1, consistent_snapshot=True, unrecognized_fields=fields)
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
    changed = {str(role): life_s for role, life_s in change.lifetimes_s.items()}
    lifetimes = msgspec.structs.replace(lifetimes_of(root), **changed)
    following.unrecognized_fields[_LIFETIMES] = msgspec.to_builtins(lifetimes)
    return following


def lifetimes_of(root: Root) -> Lifetimes:
    """For how long documents that are signed under a root are valid."""
    stated = root.unrecognized_fields.get(_LIFETIMES, {})
    try:
        return msgspec.convert(stated, Lifetimes)
    except msgspec.ValidationError:
        return DEFAULT_LIFETIMES  # another program has made the root


def _key_id(root: Root, role: Role, start: str) -> str:
    found = [keyid for keyid in root.roles[role].keyids if keyid.startswith(start)]
    if len(found) != 1 or len(start) < MIN_KEY_ID_CHARACTERS:
        raise ConfigError(
            f"the id {quoted(start)} does not name one key of the {role}",
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
