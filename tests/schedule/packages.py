"""Manifests without content, and the settings of laws: the schedule looks at shapes only."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from dlcore.model import DEFAULT_BLOCK_BYTES, DIGEST_BYTES, File, Manifest, Object

BLOCK_BYTES = 4096
LAW = settings(derandomize=True, deadline=None)
MAX_EXAMPLES = 50 if sys.platform == "win32" else 150  # the same happens on every system


def run_machine(machine: type[RuleBasedStateMachine]) -> None:
    """Play it, always the same way."""
    run_state_machine_as_test(
        machine, settings=settings(LAW, max_examples=MAX_EXAMPLES, stateful_step_count=50)
    )


_contents = itertools.count(1)


def digests(count: int) -> bytes:
    """Digests of so many blocks, none of which equals any other."""
    numbers = itertools.islice(_contents, count)
    return b"".join(number.to_bytes(DIGEST_BYTES, "big") for number in numbers)


def shape(
    blocks: Sequence[int], *, package_id: str = "ABC00001", block_bytes: int = BLOCK_BYTES
) -> Manifest:
    """A package of objects with that many blocks; the last block of each is one byte long.

    The first object and each second one after it have digests for their blocks, the others only
    one for the whole.
    """
    objects = tuple(
        Object(f"{index:02}", (count - 1) * block_bytes + 1, sha256=digests(1))
        if index % 2
        else Object(f"{index:02}", (count - 1) * block_bytes + 1, digests(count))
        for index, count in enumerate(blocks)
    )
    files = tuple(
        File(f"{index:02}", item.length_bytes, index) for index, item in enumerate(objects)
    )
    return Manifest(1, package_id, 1, block_bytes, objects, files)


def sized(lengths: Sequence[int], *, block_bytes: int = DEFAULT_BLOCK_BYTES) -> Manifest:
    """A package of objects of those lengths, without files."""
    objects = tuple(
        Object(str(index), length, digests(-(-length // block_bytes)))
        for index, length in enumerate(lengths)
    )
    return Manifest(1, "ABC00001", 1, block_bytes, objects, ())
