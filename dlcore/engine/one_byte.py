"""Reads one byte of an object, which proves that an endpoint really serves it."""

from __future__ import annotations

from dlcore.errors import Fault, TransferError
from dlcore.transfer import Placement


async def read_one_byte(placement: Placement, index: int) -> None:
    """Read the first byte of an object, and drop it.

    Args:
        placement: The objects of a package at an endpoint.
        index: Which object, one that it holds.

    Raises:
        TransferError: The endpoint does not serve it.
    """
    try:
        await placement.read_range(index, 0, 1, _OneByte())
    except TransferError as error:
        if error.fault is not Fault.NO_RANGES:  # it sends the whole, so it has it
            raise


class _OneByte:
    """A sink for a question whose answer does not matter."""

    def __init__(self) -> None:
        self._byte = bytearray(1)

    def buffer(self) -> memoryview:
        return memoryview(self._byte)

    def advance(self, count: int) -> bool:
        return True

    def dropped(self, count: int) -> bool:
        return True

    async def ready(self) -> None:
        return
