"""The constants of choosing requests, with their reasons; tests inject others.

Those of the concurrency limit are in `limit_policy`, those of background mode in
`background_policy`.
"""

from __future__ import annotations

import msgspec

from dlcore.schedule.limit_policy import LimitPolicy


class Policy(msgspec.Struct, frozen=True):
    """The scheduler's constants."""

    # How many requests are in flight at each endpoint.
    concurrency: LimitPolicy = LimitPolicy()

    # Memory

    # The buffers of all requests together: sixteen blocks to hash, to write, and to receive.
    memory_bytes: int = 48 << 20
    # Share of the memory for blocks that are fetched in parts. Blocks being verified need the rest.
    split_block_share: float = 0.9

    # The length of a request while much is left

    # Below this length, the request and the head of its response cost more than they are worth.
    min_request_bytes: int = 64 << 10
    # The most that is lost or raced when a connection breaks or slows down.
    max_request_bytes: int = 16 << 20
    # Shorter requests cost CPU, and Azure Blob allows 500 requests per second for one blob.
    # Source: Microsoft Learn, "Scalability and performance targets for Blob storage".
    full_request_s: float = 1.0
    # Longer requests cannot be moved to another connection soon enough.
    max_full_request_s: float = 2.0
    # A connection then waits for one round trip in seventeen, which the spare connections hide.
    full_request_round_trips: int = 16
    # Bytes that sockets may receive ahead of a bandwidth cap, as seconds of that cap.
    capped_request_s: float = 0.5
    # Requests are parts of blocks if whole blocks in flight would need more of the memory.
    whole_block_share: float = 0.75
    # Parts in flight may have this share of the memory, because a block keeps its buffer until
    # its slowest part has arrived and the block is verified.
    parts_share: float = 0.5

    # The length of the first and the last requests

    # Long enough that slow start is not interrupted by an idle round trip.
    first_request_bytes: int = 1 << 20
    # Where a slow endpoint could hold up what another would deliver soon.
    first_request_of_several_bytes: int = 128 << 10
    # Times the longest request that arrived, because a rate measured over moments may be wrong.
    request_growth: int = 4
    # A shorter request is mostly overhead, even on a fast connection.
    min_request_s: float = 0.02
    # With requests of two windows, a connection waits for a third of the time at most.
    min_request_windows: int = 2
    # Share of the length that would end all requests at once. The rest evens out errors.
    last_request_share: float = 0.5

    # The order of blocks

    # A longer object occupies its connection for longer than a usual round trip.
    small_object_bytes: int = 128 << 10

    # The endgame

    # How often the requests in flight are checked for late ones.
    check_s: float = 0.02
    # A request's own rate counts as much as its endpoint's usual rate after this time.
    rate_prior_s: float = 0.25
    # A request without a byte for this time, and some round trips, has stalled.
    stall_s: float = 1.0
    stall_round_trips: int = 4
    # Under a bandwidth cap, bytes arrive in reads of about this length.
    capped_read_bytes: int = 64 << 10
    # A request of another package may go on while a step waits, if it ends within this time.
    finishes_soon_s: float = 1.0
    # Less gain does not justify a new request and a connection that is closed.
    min_gain_s: float = 0.05
    # A request is raced if it needs this many times as long as its rival. Below that, the
    # probability that the bytes are wasted is too high.
    race_factor: float = 1.5
    # As `race_factor`, where help costs only a connection, and no bytes.
    part_factor: float = 1.25
    # How often the same block may be raced, or a request for it be cancelled because it was late.
    max_races: int = 2
    # How often the same bytes of a split block may be given to another request.
    max_takeovers: int = 8
    # A slow request's rate rises by this factor when others leave more of the link to it.
    loser_speed_up: float = 1.5
    # Below this share of its endpoint's usual rate, a connection is considered broken.
    slow_share: float = 1 / 8
    # Slow start sends this much at once, so shorter parts are not faster.
    min_part_bytes: int = 16 << 10

    # What races may waste

    # Share of the wanted bytes.
    waste_share: float = 0.02
    # One block may be wasted even if little is wanted, up to this length.
    min_waste_bytes: int = 1 << 20
    # Share of the budget that new races may use up, because losers may lose more than foreseen.
    foreseen_waste_share: float = 0.5

    # Endpoints that cost more

    # A step waits for this time for cheap endpoints before a costly one is put to work.
    max_cheap_wait_s: float = 10.0

    # Failures of endpoints

    # Mean of the first back-off after a failure; doubles with each further failure.
    backoff_base_s: float = 0.5
    # The longest back-off without ``Retry-After``.
    max_backoff_s: float = 30.0
    # Failures in a row (connection, truncation, stall, 5xx) until an endpoint is dropped.
    max_failures: int = 6
    # The same limit if the latest failure is a stall. Each stall lasts as long as the time limit
    # for silence: three take a minute, which outlasts the restart of a router. Users who set that
    # time limit want to hear of silence sooner, so the engine allows fewer stalls for them.
    max_stalls: int = 3
    # Answers 429 and 503 in a row until an endpoint is dropped. More are allowed than failures,
    # because they at least prove that the endpoint is there.
    max_busy_answers: int = 12
    # Responses to something that was not asked for, until the endpoint is dropped.
    max_wrong_answers: int = 2
    # Bad blocks, in all, until an endpoint is quarantined.
    max_bad_blocks: int = 3
    # Objects with bad blocks until an endpoint is dropped, if it has sent fewer good blocks. Some
    # files of a list whose digests are out of date must not cost the others their endpoint, even
    # if they stand at its beginning: twice as many as are fetched at once.
    max_wrong_objects: int = 32
    # Blocks that came from several endpoints and did not match, until it is known who is to blame.
    # They are fetched again first, so hardly more of them wait than there are connections.
    max_mixed_blocks: int = 64
    # Requests that may try an endpoint after one broken connection. They are enough to tell a
    # single failure from the end of an endpoint.
    trials_after_one_failure: int = 4
    # Two connections refused within this time, while others succeed, are too many connections.
    refusals_s: float = 1.0
