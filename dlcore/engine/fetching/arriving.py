"""Receives all files of a content whose digests nobody knows, and hashes what is on disk of them.

Guarantees: nothing that is received here counts as verified, in no event and no figure: that is
for the caller to find out, from the digests of all files. A digest is that of what is on disk, read
when all of the file is there, however much of it came from an earlier call. When `Arriving.run` has
ended, nothing of it runs any more.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

from dlcore.engine.download.asking import Asking
from dlcore.engine.download.caps import BandwidthCaps
from dlcore.engine.download.exhaustion import exhausted
from dlcore.engine.download.ledger import Ledger, OpenBytes
from dlcore.engine.download.retry import Retry
from dlcore.engine.events import DownloadRetried, EndpointProgress, Event, Progress
from dlcore.errors import ExhaustedError, TransferError
from dlcore.schedule import Terms
from dlcore.store import Unproven
from dlcore.store.unproven import Piece, pieces_of
from dlcore.transfer import DistributionPointEndpoint, ListedContent
from dlcore.waiting import in_thread, side_by_side

MAX_AT_ONCE: Final = 32
"""Pieces. Enough for thousands of small files, of which each costs a round trip."""

_TOLD_EVERY_S: Final = 0.5


class Point(NamedTuple):
    """A distribution point that has the content.

    Attributes:
        endpoint: The distribution point.
        terms: How it may be used.
        listed: What it lists of the content.
    """

    endpoint: DistributionPointEndpoint
    terms: Terms
    listed: ListedContent


class Arriving:
    """One content.

    Args:
        name: What messages call it.
        points: Which have it, the best first. The first one says what there is; the others serve
            the files that they list with the same path and length.
        unproven: Where the files go.
        asking: Puts the requests.
        retry: What to do when no distribution point is left.
        cap_bytes_per_s: Read at most this much; 0.0 for no cap.
        tell: Hears how far it is.
        ledger: Learns what becomes of the bytes: those on disk are used, until `disproved`.

    Attributes:
        received_bytes: What has been received, by endpoint.
    """

    def __init__(
        self,
        name: str,
        points: Sequence[Point],
        unproven: Unproven,
        asking: Asking,
        retry: Retry,
        cap_bytes_per_s: float,
        tell: Callable[[Event], None],
        ledger: Ledger,
    ) -> None:
        self._ledger = ledger
        self.received_bytes: Counter[str] = Counter()
        self._name = name
        self._points = list(points)
        self._lengths = {path: file.length_bytes for path, file in points[0].listed.files.items()}
        self._unproven = unproven
        self._asking = asking
        self._retry = retry
        self._caps = BandwidthCaps()
        self._caps.set_total(cap_bytes_per_s)
        for point in points:
            self._caps.set_endpoint(point.endpoint.name, point.terms.cap_bytes_per_s)
        self._tell = tell
        self._told_at_s = asyncio.get_running_loop().time() - _TOLD_EVERY_S
        self._told_bytes: Counter[str] = Counter()
        self._rng = random.Random()  # noqa: S311  # spreads waits
        self._digests: dict[str, bytes] = {}
        self._open: Counter[str] = Counter()
        self._failure: ExhaustedError | None = None

    async def run(self) -> Mapping[str, bytes]:
        """Receive what is missing.

        Returns:
            SHA-256 of each file, as it is on disk.

        Raises:
            ExhaustedError: No distribution point is left for a file; what has arrived stays.
            StorageError: The disk failed, or is full; what has arrived stays.
        """
        now_s = asyncio.get_running_loop().time
        attempt, failing_since_s = 0, now_s()
        while True:
            before = self.received_bytes.total()
            try:
                await self._receive()
                break
            except ExhaustedError as error:
                if not error.may_pass:
                    raise
                if self.received_bytes.total() > before:
                    attempt, failing_since_s = 0, now_s()
                attempt += 1
                failing_s = now_s() - failing_since_s
                wait_s = self._retry.wait_s(attempt, failing_s, self._rng.random())
                if wait_s is None:
                    raise
                left_s = self._retry.left_s(failing_s)
                self._tell(DownloadRetried(self._name, attempt, self._retry.count, wait_s, left_s))
                await asyncio.sleep(wait_s)
        await side_by_side(self._hash, [p for p in self._lengths if p not in self._digests], 2)
        return self._digests

    def disproved(self) -> None:
        """All together is not the content: what was received was of no use."""
        self._ledger.disproved((self._name, 0))

    async def _receive(self) -> None:
        pieces = [
            piece
            for path, length_bytes in self._lengths.items()
            for piece in pieces_of(path, length_bytes)
            if not self._unproven.has(piece)
        ]
        self._open = Counter(piece.path for piece in pieces)
        at_once = min(MAX_AT_ONCE, max(point.terms.max_connections for point in self._points))
        self._failure = None
        await side_by_side(self._fetch, pieces, at_once)
        if self._failure:
            raise self._failure

    async def _fetch(self, piece: Piece) -> None:
        """Receive a piece, and hash its file if that was the last one of it.

        After a failure no more pieces are begun, but those that are under way arrive.
        """
        if self._failure:
            return
        open_bytes = self._ledger.open()
        try:
            data = await self._from_any(piece, open_bytes)
            await in_thread(self._unproven.write, piece, data)
            open_bytes.settle(len(data), len(data))
        except ExhaustedError as error:
            self._failure = self._failure or error
            return
        finally:
            open_bytes.close()
        self._ledger.await_proof((self._name, 0), len(data))
        self._tell_progress()
        self._open[piece.path] -= 1
        if not self._open[piece.path]:
            await self._hash(piece.path)

    async def _hash(self, path: str) -> None:
        self._digests[path] = await in_thread(self._unproven.digest, path, self._lengths[path])

    async def _from_any(self, piece: Piece, open_bytes: OpenBytes) -> memoryview:
        failures: list[TransferError] = []
        for point in list(self._points):
            file = point.listed.files.get(piece.path)
            if file is None or file.length_bytes != piece.length_bytes:
                continue
            try:
                return await self._asking.ask(
                    point.endpoint, partial(self._read, point, piece, open_bytes)
                )
            except TransferError as error:
                failures.append(error)
        raise self._exhausted_error(piece.path, failures)

    async def _read(self, point: Point, piece: Piece, open_bytes: OpenBytes) -> memoryview:
        start, end = piece.span
        sink = _PieceSink(end - start, self._caps, point.endpoint.name)
        file = point.listed.files[piece.path]
        try:
            await point.endpoint.read_listed(piece.path, file, (start, end), sink)
        finally:
            received_bytes = sink.filled_bytes + sink.dropped_bytes
            self.received_bytes[point.endpoint.name] += received_bytes
            open_bytes.received(received_bytes)
        return sink.data

    def _exhausted_error(self, path: str, failures: Sequence[TransferError]) -> ExhaustedError:
        why = "; ".join(failure.message for failure in failures)
        remedy = "" if self._unproven.is_empty else "What has arrived is kept: run again."
        return exhausted(f"{self._name}: {path} cannot be fetched: {why}", failures, remedy)

    def _tell_progress(self) -> None:
        """Tell what has been received; nothing of it is verified."""
        now_s = asyncio.get_running_loop().time()
        if now_s < self._told_at_s + _TOLD_EVERY_S:
            return
        since_s = now_s - self._told_at_s
        rates = {
            name: (count - self._told_bytes[name]) / since_s
            for name, count in self.received_bytes.items()
        }
        self._told_at_s, self._told_bytes = now_s, self.received_bytes.copy()
        endpoints = {
            name: EndpointProgress(0, rates[name], received_bytes=count)
            for name, count in self.received_bytes.items()
        }
        total_bytes = sum(self._lengths.values())
        self._tell(Progress(0, total_bytes, sum(rates.values()), endpoints=endpoints))


class _PieceSink:
    """Takes a piece into memory, not faster than the caps allow. Implements `Sink`."""

    def __init__(self, length_bytes: int, caps: BandwidthCaps, endpoint: str) -> None:
        self.data = memoryview(bytearray(length_bytes))
        self.filled_bytes = 0
        self.dropped_bytes = 0
        self._caps = caps
        self._endpoint = endpoint
        self._ready_at_s = 0.0

    def buffer(self) -> memoryview:
        return self.data[self.filled_bytes :]

    def advance(self, count: int) -> bool:
        self.filled_bytes += count
        return self._paid(count)

    def dropped(self, count: int) -> bool:
        self.dropped_bytes += count
        return self._paid(count)

    def _paid(self, count: int) -> bool:
        now_s = asyncio.get_running_loop().time()
        wait_s = self._caps.spend(self._endpoint, count, now_s)
        self._ready_at_s = now_s + wait_s
        return not wait_s

    async def ready(self) -> None:
        await self._caps.wait(self._endpoint, self._ready_at_s)
