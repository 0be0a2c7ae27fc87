"""How long one request is: whole blocks, or an equal part of one block.

While much is left, a request is long enough that the round trip in which its connection waits for
the next one does not show, short enough that work can be moved to another connection soon, and
never so long that what all connections hold exceeds the memory (`full_bytes`).

Towards the end requests get shorter, each in proportion to its connection's rate, so that all
connections finish at about the same time; but never so short that the round trips between them
leave the link idle (`request_bytes`). Requests that are late even so are the endgame's business.
Endpoints that are on trial are not counted on.
"""

from __future__ import annotations

from collections.abc import Iterable

from dlcore.schedule.endpoint import Endpoint
from dlcore.schedule.policy import Policy


def request_bytes(
    policy: Policy,
    endpoint: Endpoint,
    endpoints: Iterable[Endpoint],
    *,
    block_bytes: int,
    left_bytes: int,
) -> int:
    """Bytes that the next request should have.

    Args:
        policy: The room's constants.
        endpoint: The endpoint that is asked.
        endpoints: All endpoints.
        block_bytes: Length of the package's blocks.
        left_bytes: What no request has been made for yet.

    Returns:
        A multiple of ``block_bytes``, or less than one block for a part of it.
    """
    in_use = [other for other in endpoints if other is endpoint or other.is_relied_on]
    connections = max(1, sum(other.measured_limit for other in in_use))
    first_bytes = (
        policy.first_request_bytes if len(in_use) == 1 else policy.first_request_of_several_bytes
    )
    longest_bytes = full_bytes(
        policy,
        # Until the rate is measured, as if one second brought the length of a first request.
        rate_bytes_per_s=endpoint.connection_bytes_per_s or first_bytes,
        round_trip_s=endpoint.round_trip_s,
        connections=connections,
        block_bytes=block_bytes,
        cap_bytes_per_s=endpoint.cap_bytes_per_s,
        request_s=endpoint.terms.request_s,
    )
    longest_bytes = min(
        longest_bytes, max(first_bytes, policy.request_growth * endpoint.longest_bytes)
    )
    share = policy.last_request_share * _share(endpoint, in_use, connections)
    shortest_bytes = _shortest_bytes(policy, endpoint)
    max_bytes = max(policy.max_request_bytes, block_bytes)
    return fitted_bytes(
        policy, min(longest_bytes, max(left_bytes * share, shortest_bytes), max_bytes), block_bytes
    )


def full_bytes(
    policy: Policy,
    *,
    rate_bytes_per_s: float,
    round_trip_s: float,
    connections: int,
    block_bytes: int,
    cap_bytes_per_s: float,
    request_s: float = 0.0,
) -> float:
    """Length of a request while much is left.

    Args:
        policy: The room's constants.
        rate_bytes_per_s: Of one connection.
        round_trip_s: From a request to its first byte.
        connections: How many are in use; at least 1.
        block_bytes: Length of the package's blocks.
        cap_bytes_per_s: The bandwidth cap; 0.0: none.
        request_s: How long the endpoint's terms want a request to last; 0.0: as the policy says.

    Returns:
        Between `Policy.min_request_bytes` and `Policy.max_request_bytes`.
    """
    hiding_s = policy.full_request_round_trips * round_trip_s
    seconds = min(policy.max_full_request_s, max(policy.full_request_s, hiding_s))
    length_bytes = rate_bytes_per_s * (request_s or seconds)
    if cap_bytes_per_s:
        length_bytes = min(length_bytes, cap_bytes_per_s * policy.capped_request_s / connections)
    memory_bytes = policy.memory_bytes / connections
    if memory_bytes * policy.whole_block_share < block_bytes:
        length_bytes = min(length_bytes, memory_bytes * policy.parts_share)
    return max(policy.min_request_bytes, min(length_bytes, policy.max_request_bytes))


def fitted_bytes(policy: Policy, length_bytes: float, block_bytes: int) -> int:
    """Round a length to whole blocks, or to an equal part of one.

    A block is divided into as few parts of at most that length as possible. No part is shorter
    than `Policy.min_request_bytes`.
    """
    if length_bytes >= block_bytes:
        return int(length_bytes // block_bytes) * block_bytes
    max_parts = max(1, block_bytes // policy.min_request_bytes)
    parts = min(-int(-block_bytes // length_bytes), max_parts)
    return -(-block_bytes // parts)


def _shortest_bytes(policy: Policy, endpoint: Endpoint) -> float:
    """A shorter request would leave its connection waiting for most of the time."""
    rate_bytes_per_s = endpoint.connection_bytes_per_s or 0.0
    return max(
        policy.min_request_bytes,
        rate_bytes_per_s * max(policy.min_request_s, endpoint.round_trip_s),
        policy.min_request_windows * endpoint.window_bytes,
    )


def _share(endpoint: Endpoint, in_use: Iterable[Endpoint], connections: int) -> float:
    """One connection's share of all that is delivered."""
    own_bytes_per_s = endpoint.connection_bytes_per_s
    if not own_bytes_per_s:
        return 1 / connections
    total_bytes_per_s = sum(
        (other.connection_bytes_per_s or 0.0) * max(other.measured_limit, other.in_flight)
        for other in in_use
    )
    return own_bytes_per_s / max(own_bytes_per_s, total_bytes_per_s)
