"""What a user asks to be fetched, and how."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.download.inquiry import InquiryPolicy
from dlcore.engine.download.retry import Retry
from dlcore.engine.fetching.access import Access
from dlcore.engine.fetching.early_bytes import EarlyBytes
from dlcore.engine.fetching.finding import FoundContent
from dlcore.engine.fetching.site import NamedSite
from dlcore.engine.fetching.wanted import Wanted
from dlcore.manifest import Patterns

if TYPE_CHECKING:
    from dlcore.engine.fetching.rules import FetchRules

_log = logging.getLogger(__name__)


class FetchItem(NamedTuple):
    """One thing to fetch.

    Attributes:
        what: A package id, a URL, or the path of a manifest.
        sha256: SHA-256 of the file at a URL, hex; else empty.
        checksum: Another digest of it in place of that, as ``sha-512=...``, hex; else empty.
        place: Path that a single file gets below the folder of all; empty for its own name in it.
    """

    what: str
    sha256: str = ""
    checksum: str = ""
    place: str = ""

    @property
    def shown(self) -> str:
        """What it is, without the secrets that a URL may have."""
        return Wanted(self.what).shown


class Call(NamedTuple):
    """What all things of one call have in common.

    Attributes:
        site: The site that the user names.
        access: What opens endpoints.
        to: Folder that it goes to.
        records: What was delivered before.
        patterns: Which files of packages are fetched.
        inquiry_policy: How patiently endpoints are asked for documents; None: as usual.
        is_dry_run: Whether only to find out what would be fetched.
        remote_time: Whether a file at a URL gets the time that its server says.
        retry: What to do when no endpoint is left.
        cap_bytes_per_s: Read at most this much from all endpoints together; 0.0 for no cap.
        wait_s: How long to wait while another process fetches into the same folder.
        seeds: Folders whose files are taken over if they are right.
        rules: What a deployment allows; None without one.
        early: Counts what is received before the download begins; None: nobody wants to know.
    """

    site: NamedSite
    access: Access
    to: Path
    records: Deliveries
    patterns: Patterns = Patterns()
    inquiry_policy: InquiryPolicy | None = None
    is_dry_run: bool = False
    remote_time: bool = False
    retry: Retry | None = None
    cap_bytes_per_s: float = 0.0
    wait_s: float = 0.0
    seeds: Sequence[Path] = ()
    rules: FetchRules | None = None
    early: EarlyBytes | None = None

    def modified_ns(self, found: FoundContent) -> int | None:
        """The time that a single file gets; None for that of its delivery."""
        if not (self.remote_time and found.is_file_at_url):
            return None
        if found.modified_ns is None:
            name = found.manifest.files[0].path
            _log.warning("%s: its server does not say when it was modified", name)
        return found.modified_ns
