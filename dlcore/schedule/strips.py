"""A block that several connections fetch together, strip by strip, into one shared buffer.

Strips of a block come from one endpoint as long as that is in use, so that blame stays clear. What
arrived of a strip that is late or broke off stays; the rest is divided among others, or asked for
again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

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
        takers: How often a strip, or what it is a part of, was taken over.
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
        self.takers: Counter[Strip] = Counter()
        self.completed_by = -1
        self._rest = [Strip(0, length_bytes)]  # not asked for; the next at the end
        self._flying: dict[Strip, int] = {}
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
        return list(self._flying.values())

    def begins_at(self, arrived_bytes: int) -> None:
        """So many bytes of its start are in the buffer already, from its endpoint."""
        self._rest = [Strip(arrived_bytes, self.length_bytes)]
        self._arrived_bytes = arrived_bytes
        self.served_by.add(self.endpoint)

    def cut(self, max_bytes: int, owner: int) -> Strip:
        """The next strip, now under way in the range of that number."""
        start, end = self._rest.pop()
        is_nearly_all = end - start < max_bytes * 5 // 4  # a short rest is not worth a request
        strip = Strip(start, end if is_nearly_all else start + max_bytes)
        if strip.end < end:
            self._rest.append(Strip(strip.end, end))
        self._flying[strip] = owner
        return strip

    def take_over(
        self, strip: Strip, arrived_bytes: int, endpoint: str, new: int, max_bytes: int
    ) -> Strip:
        """What arrived of a strip stays; the rest is divided, and its beginning another range's.

        Args:
            strip: The strip; nobody needs more of it from the range that fetched it.
            arrived_bytes: So much of it is in the buffer.
            endpoint: From there.
            new: The other range.
            max_bytes: Of each part of the rest.

        Returns:
            The beginning of the rest.
        """
        rest = self._keep(strip, arrived_bytes, endpoint)
        parts = _divided(rest, max_bytes)
        self.takers.update(dict.fromkeys(parts, self.takers[strip] + 1))
        self._flying[parts[0]] = new
        self._rest += reversed(parts[1:])
        return parts[0]

    def arrived(self, strip: Strip, owner: int, endpoint: str) -> bool:
        """A strip is in the buffer.

        Returns:
            Whether it counts: it is nobody else's by now.
        """
        if self._flying.get(strip) != owner:
            return False
        self._keep(strip, strip.end - strip.start, endpoint)
        if self.is_whole:
            self.completed_by = owner
        return True

    def failed(self, strip: Strip, owner: int, arrived_bytes: int, endpoint: str) -> None:
        """A range ended without its strip; what failed although all was there is not trusted."""
        if self._flying.get(strip) == owner:
            is_all = arrived_bytes >= strip.end - strip.start
            self._rest.append(self._keep(strip, 0 if is_all else arrived_bytes, endpoint))

    def _keep(self, strip: Strip, arrived_bytes: int, endpoint: str) -> Strip:
        """A strip is not under way any more; returns what is missing of it."""
        del self._flying[strip]
        if arrived_bytes:
            self._arrived_bytes += arrived_bytes
            self.served_by.add(endpoint)
        return Strip(strip.start + arrived_bytes, strip.end)


def _divided(strip: Strip, max_bytes: int) -> list[Strip]:
    """As few parts as may be, of nearly the same length."""
    start, end = strip
    count = max(1, -(-(end - start) // max_bytes))
    cuts = [start + (end - start) * part // count for part in range(count + 1)]
    return [Strip(*ends) for ends in pairwise(cuts)]
