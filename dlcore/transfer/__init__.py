"""Endpoints: where packages come from, and how ranges of them are read.

The only room that speaks to a network as a client. `interface` says what every endpoint
guarantees; `factory` makes them from settings; everything else is behind these two.
"""

from __future__ import annotations

from dlcore.transfer.endpoints.factory import open_endpoint, open_urls, probe_url
from dlcore.transfer.http.pool import Network
from dlcore.transfer.interface import Endpoint, Observer, Placement, Renewed, Sink, ignore

__all__ = [
    "Endpoint",
    "Network",
    "Observer",
    "Placement",
    "Renewed",
    "Sink",
    "ignore",
    "open_endpoint",
    "open_urls",
    "probe_url",
]
