"""A block that several connections fetch together, strip by strip, into one shared buffer.

Strips of a block come from one endpoint as long as that is in use, so that blame stays clear. A
strip that broke off is asked for again from its beginning; a late one may be raced, and then the
first delivery counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dlcore.schedule.assignment import Strip


class OpenBlock:
    """The strips of one block: not asked for, under way, or arrived.

    Args:
        number: Package-wide block number.
        object_index: The block's object.
        block: Its number in the object.
        length_bytes: Of the block.
        endpoint: Who serves it.

    Attributes:
        served_by: Endpoints whose bytes are in the buffer.
        races: How often a strip was raced.
        completed_by: The range that brought the last strip; -1 before.
    """

    def __init__(
        self, number: int, object_index: int, block: int, length_bytes: int, endpoint: str
    ) -> None:
        self.number = number
        self.object_index = object_index
        self.block = block
        self.length_bytes = length_bytes
        self.endpoint = endpoint
        self.served_by: set[str] = set()
        self.races: Counter[Strip] = Counter()
        self.completed_by = -1
        self._rest = [Strip(0, length_bytes)]  # not asked for; the next at the end
        self._flying: dict[Strip, list[int]] = {}
        self._arrived_bytes = 0

    @property
    def has_rest(self) -> bool:
        """Whether some of it has not been asked for."""
        return bool(self._rest)

    @property
    def is_whole(self) -> bool:
        """Whether every byte is in the buffer."""
        return self._arrived_bytes == self.length_bytes

    @property
    def is_resting(self) -> bool:
        """Whether nothing happens to it unless somebody takes its next strip."""
        return not self._flying and not self.is_whole

    @property
    def flying(self) -> Sequence[int]:
        """The ranges that fetch strips of it."""
        return [number for numbers in self._flying.values() for number in numbers]

    def cut(self, most_bytes: int, owner: int) -> Strip:
        """The next strip, now under way in the range of that number."""
        start, end = self._rest.pop()
        is_nearly_all = end - start < most_bytes * 5 // 4  # a short rest is not worth a request
        strip = Strip(start, end if is_nearly_all else start + most_bytes)
        if strip.end < end:
            self._rest.append(Strip(strip.end, end))
        self._flying[strip] = [owner]
        return strip

    def race(self, strip: Strip, owner: int) -> None:
        """Another range fetches a strip that is under way."""
        self.races[strip] += 1
        self._flying[strip].append(owner)

    def take_over(
        self, strip: Strip, arrived_bytes: int, endpoint: str, new: int
    ) -> tuple[Strip, list[int]]:
        """What arrived of a strip stays; the rest is from now on another range's.

        Args:
            strip: The strip.
            arrived_bytes: So much of it is in the buffer.
            endpoint: From there.
            new: The other range.

        Returns:
            The rest, and the ranges that fetch it in vain now.
        """
        losers = self._flying.pop(strip)
        if arrived_bytes:
            self._arrived_bytes += arrived_bytes
            self.served_by.add(endpoint)
        rest = Strip(strip.start + arrived_bytes, strip.end)
        self._flying[rest] = [new]
        self.races[rest] = self.races[strip] + 1
        return rest, losers

    def arrived(self, strip: Strip, owner: int, endpoint: str) -> list[int] | None:
        """A strip is in the buffer.

        Returns:
            The ranges that fetch it in vain now; None if ``owner`` itself did.
        """
        owners = self._flying.get(strip, ())
        if owner not in owners:
            return None
        del self._flying[strip]
        self._arrived_bytes += strip.end - strip.start
        self.served_by.add(endpoint)
        if self.is_whole:
            self.completed_by = owner
        return [number for number in owners if number != owner]

    def failed(self, strip: Strip, owner: int) -> None:
        """A range ended without its strip."""
        owners = self._flying.get(strip, [])
        if owner in owners:
            owners.remove(owner)
            if not owners:
                del self._flying[strip]
                self._rest.append(strip)
