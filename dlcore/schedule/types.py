"""The words of the contract: what a connection is asked for, on which terms, and what follows.

Requests and events are frozen: the scheduler hands them out and never changes them afterwards.
"""

from __future__ import annotations

import enum
from typing import NamedTuple, NewType, TypeAlias

import msgspec

from dlcore.errors import Fault
from dlcore.model import BlockExtent, BlockInObject, BlockInPackage, ObjectIndex

RequestNumber = NewType("RequestNumber", int)
"""Counts the requests: no two have the same number, and a later one has a higher number."""


class Terms(msgspec.Struct, frozen=True):
    """How an endpoint may be used; may change while it is in use.

    Attributes:
        max_connections: Up to this many requests are in flight there at once; at least 1.
        cost: An endpoint that costs more than another gets work only by the rule in `eligibility`.
        cap_bytes_per_s: Bytes per second that may be asked of it; 0.0: no cap.
        request_s: How long one of its requests lasts while much is left; 0.0: as `Policy` says.
    """

    max_connections: int = 256
    cost: int = 0
    cap_bytes_per_s: float = 0.0
    request_s: float = 0.0


class Span(NamedTuple):
    """Bytes ``[start, end)`` of one block: the part of a split block that one request fetches."""

    start: int
    end: int

    @property
    def length_bytes(self) -> int:
        """Number of bytes."""
        return self.end - self.start


class Portion(NamedTuple):
    """Bytes of one block that came from one endpoint, whichever of its requests brought them."""

    span: Span
    endpoint: str


class Request(msgspec.Struct, frozen=True):
    """What one connection is asked for.

    Attributes:
        number: Identifies the request in every later input and event.
        package: Key of the package.
        endpoint: Name of the endpoint that serves it.
        blocks: The extent of blocks to fetch; exactly one block if there is a ``part``.
        part: The bytes of that block to fetch; None for all of ``blocks``.
        is_race: Whether another request fetches the same bytes too.
        from_beginning: Whether the endpoint sends the object from its beginning, so that what comes
            before is received and dropped.
        buffer_bytes: Memory that the request needs before it can receive anything: one block.
            0 for a part of a block that has its buffer already.
    """

    number: RequestNumber
    package: str
    endpoint: str
    blocks: BlockExtent
    part: Span | None = None
    is_race: bool = False
    buffer_bytes: int = 0
    from_beginning: bool = False


class EndpointChange(enum.StrEnum):
    """What changed about an endpoint, in the words that people read."""

    BACKED_OFF = "backed off"
    HALF_OPEN = "half-open"
    RESUMED = "resumed"
    FELL_SILENT = "fell silent"
    DROPPED = "dropped"
    QUARANTINED = "quarantined"
    PUT_TO_WORK = "put to work"
    WHOLE_OBJECTS_ONLY = "whole objects only"


class RequestCancelled(msgspec.Struct, frozen=True):
    """Nobody needs more bytes of a request that is in flight: stop receiving. Told once."""

    number: RequestNumber


class RequestShortened(msgspec.Struct, frozen=True):
    """Another request fetches the end of this one.

    Attributes:
        number: The request that gets shorter.
        end_block: The block in the object before which it is to end.
    """

    number: RequestNumber
    end_block: BlockInObject


class SplitBlockFilled(msgspec.Struct, frozen=True):
    """The last missing part of a block arrived with this request: verify the block now.

    The verdict is told with this request's number, before its end.
    """

    number: RequestNumber


class StartKept(msgspec.Struct, frozen=True):
    """The start of a broken block counts: it must be in the block's buffer from now on.

    Other requests fetch the rest of the block in parts.
    """

    number: RequestNumber
    block: BlockInObject


class SplitBlockDropped(msgspec.Struct, frozen=True):
    """A block is not fetched in parts any more, and needs no buffer.

    It is missing again because its buffer is needed for others, or it was found on disk.

    Attributes:
        package: Key of the package.
        blocks: The block as an extent of one. None of its parts is in flight.
    """

    package: str
    blocks: BlockExtent


class CopyBlocks(msgspec.Struct, frozen=True):
    """Blocks are not to be fetched: a block of a wanted package is equal, and on disk.

    What came of it is to be told, by `Scheduler.found` and `Scheduler.not_copied`.

    Attributes:
        package: Key of the package that needs them.
        blocks: Their numbers in it.
        source: Key of the package that has the block, which may be the same.
        source_block: Its number there.
    """

    package: str
    blocks: tuple[BlockInPackage, ...]
    source: str
    source_block: BlockInPackage


class BlockRejected(msgspec.Struct, frozen=True):
    """A block did not match its digest and is missing again.

    Attributes:
        package: Key of the package.
        object: The block's object.
        block: The block's number in the object.
        endpoint: The endpoint that is blamed; None if the bytes came from several.
        portions: Who sent which bytes of it, if several did; else empty.
    """

    package: str
    object: ObjectIndex
    block: BlockInObject
    endpoint: str | None
    portions: tuple[Portion, ...] = ()


class ObjectRejected(msgspec.Struct, frozen=True):
    """An object that has only one digest did not match it; all of it is missing again.

    Attributes:
        package: Key of the package.
        object: The object.
        endpoint: The endpoint that is blamed; None if the bytes came from several. From now on
            one endpoint at a time serves the object, and is blamed if it does not match again.
    """

    package: str
    object: ObjectIndex
    endpoint: str | None


class EndpointChanged(msgspec.Struct, frozen=True):
    """The scheduler decided something about an endpoint.

    Attributes:
        endpoint: Its name.
        change: What is different from now on.
        reason: Why, for people.
        fault: The fault that led to it; None if there was none.
        resume_at_s: If it backed off, it is not asked before this time; else None.
    """

    endpoint: str
    change: EndpointChange
    reason: str
    fault: Fault | None = None
    resume_at_s: float | None = None


class PackageComplete(msgspec.Struct, frozen=True):
    """Every block of a package is verified, and none of its requests is in flight. Told once.

    The package is forgotten (`Scheduler.forget`).
    """

    package: str


class PackageExhausted(msgspec.Struct, frozen=True):
    """Blocks are missing, no request is in flight, and no endpoint is left to ask for any.

    Every endpoint has told what it holds. Told once until the package is retried.

    Attributes:
        package: Key of the package.
        unverified_blocks: Number of blocks that are not verified.
        dropped: Endpoints that are not asked for anything any more.
    """

    package: str
    unverified_blocks: int
    dropped: tuple[str, ...]


Event: TypeAlias = (
    RequestCancelled
    | RequestShortened
    | SplitBlockFilled
    | StartKept
    | SplitBlockDropped
    | CopyBlocks
    | BlockRejected
    | ObjectRejected
    | EndpointChanged
    | PackageComplete
    | PackageExhausted
)
Events: TypeAlias = tuple[Event, ...]


class Answer(NamedTuple):
    """What a free connection is to do.

    Attributes:
        request: What to ask for; None if there is nothing for it now.
        events: What follows from the decision. Apply them before the request begins.
        lacks_memory: Whether there was something to ask for, and too little free memory.
    """

    request: Request | None
    events: Events
    lacks_memory: bool
