"""How things are to be fetched: the arguments that `dlcore.fetch` and `fetch_many` share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from dlcore.deployment import Deployment
from dlcore.engine.delivery.deliveries import Deliveries, users_deliveries
from dlcore.engine.download.retry import Retry
from dlcore.engine.events import Event
from dlcore.engine.fetching.access import Access
from dlcore.engine.fetching.by_deployment import FetchSettings, with_deployment
from dlcore.engine.fetching.call import Call
from dlcore.engine.fetching.early_bytes import EarlyBytes
from dlcore.engine.fetching.selecting import patterns_of
from dlcore.engine.fetching.site import NamedSite
from dlcore.engine.time_limit import inquiry_policy


class FetchOptions(NamedTuple):
    """How things are to be fetched, as the user says it.

    Attributes:
        to: Folder that they go to.
        site: Where packages come from.
        access: What opens endpoints.
        retry: What to do when no endpoint is left; None: as usual.
        cap_bytes_per_s: Read at most this much from all endpoints together; 0.0 for no cap.
        wait_s: How long to wait while another process fetches into the same folder.
        deliveries: Folder of the records of what was delivered; None for the user's own.
        include: Patterns of the only files of packages to fetch; none for all.
        exclude: Patterns of files of packages that are not fetched.
        remote_time: Whether a file at a URL gets the time that its server says.
        seeds: Folders whose files are taken over if they are right.
        deployment: The deployment that says where packages come from; None for none.
    """

    to: Path
    site: NamedSite
    access: Access
    retry: Retry | None = None
    cap_bytes_per_s: float = 0.0
    wait_s: float = 0.0
    deliveries: Path | None = None
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    remote_time: bool = False
    seeds: Sequence[Path] = ()
    deployment: Deployment | None = None

    @property
    def _settings(self) -> FetchSettings:
        return FetchSettings(self.site, self.access, self.retry, self.seeds)

    @property
    def _records(self) -> Deliveries:
        return Deliveries(self.deliveries or users_deliveries())

    def call(self, tell: Callable[[Event], None], early: EarlyBytes) -> Call:
        """A fetch with these options and those of the deployment.

        Args:
            tell: Hears where the machine is, and of every change.
            early: Counts what is received before the download begins.

        Raises:
            ConfigError: The options contradict each other or the deployment, or mean nothing.
        """
        site, access, retry, seeds, rules = with_deployment(
            self._settings, self.deployment, tell, cap_bytes_per_s=self.cap_bytes_per_s
        )
        return Call(
            site=site,
            access=access,
            to=self.to,
            records=self._records,
            inquiry_policy=inquiry_policy(access.timeout_s, retry.total_s if retry else None),
            patterns=patterns_of(self.include, self.exclude),
            remote_time=self.remote_time,
            retry=retry,
            cap_bytes_per_s=self.cap_bytes_per_s,
            wait_s=self.wait_s,
            seeds=seeds,
            rules=rules,
            early=early,
        )

    def dry_call(self) -> Call:
        """A fetch that is only looked at beforehand; raises as `call`."""
        site, access, _, _, rules = with_deployment(
            self._settings, self.deployment, lambda _: None, is_dry_run=True
        )
        return Call(
            site=site,
            access=access,
            to=self.to,
            records=self._records,
            inquiry_policy=inquiry_policy(access.timeout_s, None),
            patterns=patterns_of(self.include, self.exclude),
            is_dry_run=True,
            rules=rules,
        )
