"""When the packages of a run were ordered, arrived, and were ready."""

from __future__ import annotations

import msgspec

from dlcore.engine import events


class Arrival(msgspec.Struct, frozen=True):
    """How much of a package was there at a moment.

    Attributes:
        at_s: Seconds into the run.
        verified_bytes: Bytes of it on disk and verified.
    """

    at_s: float
    verified_bytes: int


class PackageTimes(msgspec.Struct, frozen=True):
    """One package; times are seconds into the run, None if it did not come to that.

    Attributes:
        package: Its id.
        outcome: ``ready``, ``failed``, or ``under way`` when the record ends.
        content_bytes: Length of all its files; None if it was on disk before the run asked for it.
        reused_bytes: Verified bytes that were on disk when it was ordered.
        ordered_s: When its download began.
        first_byte_s: When something of it had arrived first, to half a second.
        ended_s: When it was complete and verified, or given up.
        retries: How often all endpoints were asked for it again, as none was left.
        retry_s: Seconds of waiting before these.
        message: Why it failed.
        arrivals: How much of it was there when, as far as progress told.
        truth: What vouches for it: ``manifest``, ``content-library`` or ``content-hash``.
        truth_known: When it is known what each byte has to be: ``before-the-first-byte``, or
            ``at-the-end``.
        content_hash: The package content hash that is stated of it, hex; empty if none is.
    """

    package: str
    outcome: str = "under way"
    content_bytes: int | None = None
    reused_bytes: int = 0
    ordered_s: float | None = None
    first_byte_s: float | None = None
    ended_s: float | None = None
    retries: int = 0
    retry_s: float = 0.0
    message: str = ""
    arrivals: tuple[Arrival, ...] = ()
    truth: str = "manifest"
    truth_known: str = "before-the-first-byte"
    content_hash: str = ""

    @property
    def fetched_bytes(self) -> int:
        """Bytes that had to come over the network."""
        return max(0, (self.content_bytes or 0) - self.reused_bytes)

    def verified_at(self, at_s: float) -> int:
        """How many bytes of it were there at a moment, by the last progress before it."""
        told = [arrival.verified_bytes for arrival in self.arrivals if arrival.at_s <= at_s]
        return told[-1] if told else self.reused_bytes


class PackagesSoFar:
    """Hears the events of packages."""

    def __init__(self) -> None:
        self._packages: dict[str, PackageTimes] = {}
        self._arrivals: dict[str, list[Arrival]] = {}
        self._truths: dict[str, events.PackageTruth] = {}

    def hear(self, event: events.Event, now_s: float) -> None:
        """Take note of an event, at a time in seconds since the run began."""
        match event:
            case events.PackageStarted(package, content_bytes, reused_bytes):
                self._start(package, content_bytes, reused_bytes, now_s)
            case events.Progress():
                for package, own in event.packages.items():
                    self._arrive(package, Arrival(now_s, own.verified_bytes))
            case events.PackageTruth(package):
                self._truths[package] = event
            case events.PackageReady(package):
                if self._of(package).outcome != "ready":
                    self._note(package, outcome="ready", ended_s=now_s)
            case events.PackageFailed(package, message):
                self._note(package, outcome="failed", ended_s=now_s, message=message)
            case events.DownloadRetried(package, _, _, delay_s):
                known = self._of(package)
                retry_s = known.retry_s + delay_s
                self._note(package, retries=known.retries + 1, retry_s=retry_s)

    def all(self) -> tuple[PackageTimes, ...]:
        """All packages, in the order in which they were first heard of."""
        return tuple(
            msgspec.structs.replace(
                self._with_truth(own), arrivals=tuple(self._arrivals.get(package, ()))
            )
            for package, own in self._packages.items()
        )

    def _with_truth(self, own: PackageTimes) -> PackageTimes:
        told = self._truths.get(own.package)
        if told is None:
            return own
        return msgspec.structs.replace(
            own, truth=told.truth, truth_known=told.known, content_hash=told.content_hash
        )

    def _start(self, package: str, content_bytes: int, reused_bytes: int, now_s: float) -> None:
        known = self._of(package)
        if known.ordered_s is None:  # else another process goes on with it, or it is repaired
            known = msgspec.structs.replace(known, ordered_s=now_s, reused_bytes=reused_bytes)
        self._packages[package] = known
        self._note(package, content_bytes=content_bytes, outcome="under way", ended_s=None)

    def _arrive(self, package: str, arrival: Arrival) -> None:
        self._arrivals.setdefault(package, []).append(arrival)
        if self._of(package).first_byte_s is None:
            self._note(package, first_byte_s=arrival.at_s)

    def _of(self, package: str) -> PackageTimes:
        return self._packages.get(package) or PackageTimes(package)

    def _note(self, package: str, **changes: object) -> None:
        self._packages[package] = msgspec.structs.replace(self._of(package), **changes)
