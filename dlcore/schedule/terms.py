"""What is allowed at one endpoint."""

from __future__ import annotations

import msgspec


class Terms(msgspec.Struct, frozen=True):
    """How an endpoint may be used; may change while it is.

    Attributes:
        max_connections: Never more connections to it at once; 1 or more.
        cost: Endpoints that cost more get work only by the rule that `rights` states.
        cap_bytes_per_s: Bytes a second that it may be asked for; 0.0: no cap.
    """

    max_connections: int = 256
    cost: int = 0
    cap_bytes_per_s: float = 0.0
