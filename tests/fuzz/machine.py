"""Targets for what the machine, and other programs on it, tell."""

from __future__ import annotations

import uuid

from aiohttp import web

from dlcore.agent.api import decode_want
from dlcore.agent.memory import decode_memory, encode_memory
from dlcore.disk.access_list import parse
from dlcore.machine.smbios import identity_of
from tests.fuzz.checksums import with_right_checksum
from tests.fuzz.target import RefusedError, target


@target(RefusedError)
def agent_memory(data: bytes) -> None:
    """As it is, and with the checksum made right, so that changes reach what is behind it."""
    memory = decode_memory(with_right_checksum(data))
    if memory is None:
        raise RefusedError
    assert decode_memory(encode_memory(memory)) == memory


@target(web.HTTPBadRequest)
def agent_want(data: bytes) -> None:
    """What another program asks the agent for."""
    want = decode_want(data)
    names = (want.name, *want.packages, *want.maybe_packages, *want.kept, *want.in_use)
    assert all(name.isascii() and name.isprintable() for name in (*names, *want.stated))


@target(RefusedError)
def smbios_table(data: bytes) -> None:
    identity = identity_of(data)
    assert not identity.uuid or str(uuid.UUID(identity.uuid)).upper() == identity.uuid
    if not any(identity):
        raise RefusedError


@target(ValueError)
def security_descriptor(data: bytes) -> None:
    security = parse(data)
    assert not security.owner or security.owner.startswith("S-1-")
    assert all(entry.sid.startswith("S-1-") for entry in security.entries)
