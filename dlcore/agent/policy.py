"""The agent's own constants, each with its reason."""

from __future__ import annotations

import msgspec


class AgentPolicy(msgspec.Struct, frozen=True):
    """How the agent goes about its work.

    Attributes:
        first_retry_s: Wait before something that failed is tried again; it doubles each time. An
            interface that is coming up needs a few seconds.
        max_retry_s: The longest of these waits. Whoever plugs a cable in waits this long at most.
        renew_every_s: Seconds between two looks at the site's catalog. A new version is then known
            before most deployments of it begin; the question costs a few kilobytes.
        fresh_s: For how long after such a look nobody who asks for a package causes another one.
            Long enough for the packages of a whole sequence that are asked for one after the other,
            and shorter than it takes to publish something and to ask for it.
        look_s: How long a package that is asked for waits for such a look. Where the site answers
            at all, that takes less than a second; without a network nobody should wait long for
            what is on the disk.
        rest_after_s: Seconds without anything to do after which the downloads are put away, with
            their buffers and their clocks. Short, as to begin them again takes milliseconds.
        lent_s: How long a package that was handed out stays afterwards, however full the cache is:
            the client copies from its folder. A large package on a slow disk takes less.
        over_after_s: How long after its time a want of the background stays whose packages are
            all there; then it is forgotten. A week: a deployment that was put off for some days
            still finds its content protected.
        kept_events: How many events can be asked for again. A client that was away for a restart
            of the agent misses none of them; together they take less than 2 MB.
        event_numbers: How many event numbers are taken at once from those that are kept on disk.
            More than a week of downloads needs.
        event_numbers_per_s: Where the numbers of a life begin at least, by seconds since 1970: far
            more events than an agent tells. 2**53 is reached in 70,000 years.
        max_readers: How many clients can read events at the same time.
        keep_alive_s: Seconds without an event after which a reader is told that there was none, so
            that either side notices if the other has gone.
        max_write_s: How long a reader may take for what was sent to it before it is cut off.
        shutdown_s: Time that clients get to read their last answers. The whole end must take less
            than the 2 s of a command that is terminated.
    """

    first_retry_s: float = 2.0
    max_retry_s: float = 60.0
    renew_every_s: float = 900.0
    fresh_s: float = 2.0
    look_s: float = 5.0
    rest_after_s: float = 10.0
    lent_s: float = 3600.0
    over_after_s: float = 7 * 86_400.0
    kept_events: int = 4096
    event_numbers: int = 1 << 20
    event_numbers_per_s: int = 1 << 12
    max_readers: int = 64
    keep_alive_s: float = 15.0
    max_write_s: float = 30.0
    shutdown_s: float = 0.3
