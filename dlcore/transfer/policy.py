"""The times and limits that the transfer room chooses, each with its reason.

One `TransferPolicy` is passed to the connection pool; whatever needs a value takes it from there.
Limits on the form of a foreign document stand beside the code that reads that document.
"""

from __future__ import annotations

import msgspec

KIB = 1 << 10
MIB = 1 << 20


class TransferPolicy(msgspec.Struct, frozen=True):
    """Times and limits of the HTTP client and of the endpoints.

    Attributes:
        max_connections_per_host: Ranges read from one host at once, at most. No endpoint's own
            ``connections`` setting can be higher.
        connect_timeout_s: A connection that is not open after this time has failed.
        keepalive_s: An idle connection is closed after this time. It outlasts the pause between
            two steps, and most firewalls remember a connection for longer.
        name_cache_s: A host name is looked up again after this time, so that a moved service is
            found within a minute.
        redirect_memory_s: A redirect is followed without asking the first URL for this time. Far
            below the life of most signatures, and long enough that the round trip does not count.
        max_remembered_redirects: Redirects of one endpoint that are remembered; the objects that
            are read at about the same time are never more.
        max_header_bytes: Length of one header line. Source: aiohttp's and Apache's default, 8190.
        max_header_count: Header lines in one response. Source: aiohttp's default, 128.
        max_drained_bytes: The body of an error response is read up to this length, so that its
            connection can be used again. A longer body costs the connection.
        stall_s: A request is given up when it receives less than ``min_bytes_per_s`` for this
            time.
        min_bytes_per_s: An endpoint that sends less is treated as silent.
        min_document_bytes_per_s: A document that takes longer than ``stall_s`` and its length at
            this rate is given up. Less than its share of a slow link that many ranges fill.
        low_water_delay_s: Bytes wait in the kernel for at most this time, so that each read
            returns many of them. It is a tenth of the time over which a throughput is measured.
        low_water_silence_s: A connection that received nothing for this time is read at every
            byte again. It is far below ``stall_s``.
        min_low_water_bytes: Waiting for less than this is not worth the system call that asks.
        max_low_water_bytes: Longer reads cost hardly less for each byte. Half of a buffer.
        max_small_read_bytes: Files up to this length are read concurrently. A longer file keeps
            its connection busy for longer than a round trip, so reading ahead gains little.
        max_reads_per_range: Small files of one range that are read at once.
        max_buffered_bytes: Bytes of one endpoint that arrived before their turn.
        folder_read_bytes: Length of one read from a folder. Each costs one hop to a thread.
        max_folder_reads: Reads from one folder at once. A disk or a share is not faster with more.
        max_folder_threads: Threads that read from one folder, those among them that were given up
            and have not returned. A dead share is not asked again
            while all of them hang.
        max_login_threads: Threads in which domain controllers are asked for one login, those among
            them that were given up and have not returned.
        max_renewal_lead_s: A credential is renewed when a tenth of its life is left, but at most
            this long before it expires.
        min_renewal_interval_s: Pause after a failed renewal of a credential that still has some
            life left.
        distrust_s: A credential that was rejected as soon as it was renewed is not renewed again
            for this time.
    """

    max_connections_per_host: int = 256
    connect_timeout_s: float = 10.0
    keepalive_s: float = 60.0
    name_cache_s: float = 60.0
    redirect_memory_s: float = 60.0
    max_remembered_redirects: int = 1024
    max_header_bytes: int = 8190
    max_header_count: int = 128
    max_drained_bytes: int = 64 * KIB
    stall_s: float = 20.0
    min_bytes_per_s: int = 1024
    min_document_bytes_per_s: int = 8 * KIB
    low_water_delay_s: float = 0.02
    low_water_silence_s: float = 1.0
    min_low_water_bytes: int = 16 * KIB
    max_low_water_bytes: int = MIB
    max_small_read_bytes: int = 128 * KIB
    max_reads_per_range: int = 8
    max_buffered_bytes: int = 4 * MIB
    folder_read_bytes: int = 4 * MIB
    max_folder_reads: int = 4
    max_folder_threads: int = 16
    max_login_threads: int = 64
    max_renewal_lead_s: float = 60.0
    min_renewal_interval_s: float = 5.0
    distrust_s: float = 30.0

    @classmethod
    def giving_up_after(cls, timeout_s: float | None) -> TransferPolicy:
        """The usual policy, with another time limit.

        Args:
            timeout_s: A request that brings too little for this time is given up, its connection
                attempt included; None for the usual time.
        """
        usual = cls()
        if timeout_s is None:
            return usual
        return cls(
            stall_s=timeout_s,
            # The time of a request includes that of its connection, so only a longer limit counts.
            connect_timeout_s=max(usual.connect_timeout_s, timeout_s),
            low_water_silence_s=min(usual.low_water_silence_s, timeout_s / 4),
        )

    def max_document_s(self, length_bytes: int) -> float:
        """Seconds for the body of a document of up to this length."""
        return self.stall_s + length_bytes / self.min_document_bytes_per_s
