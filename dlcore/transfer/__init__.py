"""Endpoints: where packages come from, and how ranges of their objects are read.

This room is the only network client of dlcore. It has two inner rooms:

* ``http``: the HTTP client, from a URL to the checked bytes of a response. It is the only one
  made of aiohttp's client, and knows nothing of packages or endpoints.
* ``endpoints``: one module for each kind of endpoint, built on ``http`` (or on a file system).

`interface` says what every endpoint guarantees, `sink` where the bytes go, `policy` which times
and limits apply. Other rooms import from here.
"""

from __future__ import annotations

from dlcore.redaction import redact, redact_named
from dlcore.transfer.endpoints.contact import Contact
from dlcore.transfer.endpoints.content_library import (
    OTHER_DRIVES,
    ContentLibrary,
    ContentLibraryEndpoint,
)
from dlcore.transfer.endpoints.distribution_point import (
    DistributionPointEndpoint,
    ListedContent,
)
from dlcore.transfer.endpoints.factory import (
    as_content_library,
    contact_endpoint,
    open_endpoint,
    try_credentials,
    try_login,
)
from dlcore.transfer.endpoints.header_fields import check_header
from dlcore.transfer.endpoints.keyring import Keyring, users_of
from dlcore.transfer.endpoints.named_urls import (
    begin_url,
    is_bucket_url,
    is_same_origin,
    may_lead_here,
    open_urls,
    probe_url,
    read_url,
    spool_url,
)
from dlcore.transfer.endpoints.netrc_file import users_netrc_file
from dlcore.transfer.endpoints.probe import Beginning, Probed, last_component
from dlcore.transfer.endpoints.proxy_script_source import check_proxy
from dlcore.transfer.endpoints.spooled_file import SpooledFile
from dlcore.transfer.http.clocks import TOLERATED_S
from dlcore.transfer.http.exchanges import Exchange, Observe, ask_for, observed
from dlcore.transfer.http.pool import ConnectionPool
from dlcore.transfer.http.receive_window import ReceiveWindow, ReceiveWindows
from dlcore.transfer.http.tls import authorities
from dlcore.transfer.http.urls import without_user
from dlcore.transfer.interface import (
    Endpoint,
    Observer,
    Placement,
    Renewable,
    RenewalReason,
    Renewed,
    Sink,
    ignore,
)
from dlcore.transfer.policy import TransferPolicy

__all__ = [
    "OTHER_DRIVES",
    "TOLERATED_S",
    "Beginning",
    "ConnectionPool",
    "Contact",
    "ContentLibrary",
    "ContentLibraryEndpoint",
    "DistributionPointEndpoint",
    "Endpoint",
    "Exchange",
    "Keyring",
    "ListedContent",
    "Observe",
    "Observer",
    "Placement",
    "Probed",
    "ReceiveWindow",
    "ReceiveWindows",
    "Renewable",
    "RenewalReason",
    "Renewed",
    "Sink",
    "SpooledFile",
    "TransferPolicy",
    "as_content_library",
    "ask_for",
    "authorities",
    "begin_url",
    "check_header",
    "check_proxy",
    "contact_endpoint",
    "ignore",
    "is_bucket_url",
    "is_same_origin",
    "last_component",
    "may_lead_here",
    "observed",
    "open_endpoint",
    "open_urls",
    "probe_url",
    "read_url",
    "redact",
    "redact_named",
    "spool_url",
    "try_credentials",
    "try_login",
    "users_netrc_file",
    "users_of",
    "without_user",
]
