"""The event that tells, again and again, how far a download is."""

from __future__ import annotations

import msgspec

from dlcore.engine.events.event import Event


class EndpointProgress(msgspec.Struct, frozen=True):
    """What is going on at one endpoint.

    Attributes:
        connections: Requests in flight.
        rate_bytes_per_s: Recent bytes per second.
        received_bytes: Payload bytes received since this process began.
        failures: Failed requests and bad blocks since this process began.
        busy_s: Seconds since this process began in which at least one request was in flight.
        max_connections: The most requests in flight at once since this process began.
        backed_off_s: Seconds since this process began in which it was not asked for content,
            because it had failed or had asked for time.
        rejected_bytes: Bytes of it alone, received since this process began, that did not match
            their digest.
        failed_s: Seconds that the failed requests took, one after the other; other requests may
            have been in flight meanwhile.
    """

    connections: int
    rate_bytes_per_s: float
    received_bytes: int = 0
    failures: int = 0
    busy_s: float = 0.0
    max_connections: int = 0
    backed_off_s: float = 0.0
    failed_s: float = 0.0
    rejected_bytes: int = 0


class PackageProgress(msgspec.Struct, frozen=True):
    """How far one package is.

    Attributes:
        verified_bytes: Bytes of it on disk and verified.
        content_bytes: Length of all its files.
    """

    verified_bytes: int
    content_bytes: int


class Progress(Event, frozen=True):
    """How far the download is, several times a second while it runs.

    Attributes:
        verified_bytes: Bytes on disk and verified, of all packages begun.
        wanted_bytes: Length of all packages begun.
        rate_bytes_per_s: Recent bytes per second.
        wasted_bytes: Bytes of content that arrived twice, or were not used: before or after the
            range that was asked for, of races lost, of requests that were cancelled or broke off,
            and of what did not match its digest. Not what is still open.
        endpoints: What is going on at each endpoint.
        packages: How far the packages are of which something has arrived and something is missing.
        cap_bytes_per_s: The most that all endpoints together may bring; 0.0 if there is no cap.
    """

    verified_bytes: int
    wanted_bytes: int
    rate_bytes_per_s: float
    wasted_bytes: int = 0
    endpoints: dict[str, EndpointProgress] = msgspec.field(default_factory=dict)
    packages: dict[str, PackageProgress] = msgspec.field(default_factory=dict)
    cap_bytes_per_s: float = 0.0
