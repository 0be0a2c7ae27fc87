"""What the command line of a fetch says, and whether it may be said together."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import click

from dlcore.cli.live.event_output import takes_standard_output
from dlcore.cli.options.item_lists import read_items
from dlcore.cli.standard_output import check_one_file, is_standard_output
from dlcore.deployment import load_deployment
from dlcore.engine.delivery.apart import check_outside, real
from dlcore.engine.download.retry import Retry
from dlcore.engine.fetching.access import Access
from dlcore.engine.fetching.call import FetchItem
from dlcore.engine.fetching.options import FetchOptions
from dlcore.engine.fetching.site import NamedSite


class Asked(NamedTuple):
    """What is to be fetched.

    Attributes:
        one: The only thing, if only one is named.
        items: All of them, if several are or may be.
        checksums: The list whose files are fetched if nothing else is named.
    """

    one: FetchItem | None
    items: list[FetchItem]
    checksums: str


def asked_for(
    what: tuple[str, ...], lists: tuple[str, ...], checksums: str, of_one: FetchItem
) -> Asked:
    """What the command line names.

    Args:
        what: The things themselves.
        lists: Files that list more.
        checksums: A list of digests.
        of_one: The digest and the name that one thing is to have.

    Raises:
        UsageError: Nothing is named, or what one thing is to have is said of several.
    """
    if len(what) == 1 and not (lists or checksums):
        return Asked(of_one._replace(what=what[0]), [], "")
    if of_one.place:
        raise click.UsageError("--name is for one file at a URL")
    if of_one.sha256 or of_one.checksum:
        raise click.UsageError(
            "--sha256 and --checksum are for one file: write digests into a list, with --input"
            " or --checksums"
        )
    if not (what or lists or checksums):
        raise click.UsageError("nothing to fetch is named: name it, or a list with --input")
    listed = [item for name in lists for item in read_items(name)]
    return Asked(None, [*map(FetchItem, what), *listed], checksums)


class FetchArguments(NamedTuple):
    """What the command line of ``dlcore fetch`` says.

    The attributes have the names under which click gives arguments and options. What each of them
    means is the help of its option.
    """

    what: tuple[str, ...]
    lists: tuple[str, ...]
    sources: tuple[str, ...]
    config: Path | None
    folder: Path
    name: str
    sha256: str
    checksum: str
    checksums: str
    catalog: Path | None
    catalog_sha256: str
    content_hash: str
    trust_root: Path | None
    access: Access
    connections: int
    remote_time: bool
    seeds: tuple[Path, ...]
    state: Path
    is_without_agent: bool
    max_file_bytes: int
    timeout_s: float | None
    retry: Retry
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    cap_bytes_per_s: int | None
    wait_s: float
    is_dry_run: bool
    quiet: bool
    as_json: bool
    events_format: str | None
    events_file: Path | None
    otel: str | None

    @property
    def is_to_standard_output(self) -> bool:
        """Whether the content is written to standard output."""
        return is_standard_output(self.folder)

    @property
    def tells_events(self) -> bool:
        """Whether the events go to standard output.

        Raises:
            UsageError: The options about it contradict each other.
        """
        return takes_standard_output(self.events_format, self.events_file, as_json=self.as_json)

    @property
    def says_nothing(self) -> bool:
        """Whether people are told no results."""
        return self.tells_events or self.quiet

    @property
    def names_source(self) -> bool:
        """Whether it is said where the content comes from, or what must be in it."""
        digests = self.sha256 or self.checksum or self.catalog_sha256 or self.content_hash
        return bool(self.sources or digests or self.config)

    @property
    def may_ask_agent(self) -> bool:
        """Whether an agent would fetch the same: nothing is said that it is not told."""
        is_named = self.names_source or self.catalog or self.trust_root
        is_plain = not (is_named or self.include or self.exclude or self.seeds)
        needs_this_process = self.is_without_agent or self.is_dry_run or self.is_to_standard_output
        return is_plain and not (needs_this_process or self.events_format)

    def check_outputs(self) -> None:
        """Refuse two things that go to standard output, and a folder inside the state directory.

        Raises:
            UsageError: The output would be mixed.
            ConfigError: The folder is not usable.
        """
        tells_events = self.tells_events
        if self.is_to_standard_output:
            is_taken = tells_events or self.as_json or self.is_dry_run
            check_one_file((*self.what, *self.lists), is_taken=is_taken)
        else:
            check_outside(real(self.folder), self.state)

    def asked(self) -> Asked:
        """What is to be fetched; raises as `asked_for`."""
        of_one = FetchItem("", self.sha256, self.checksum, self.name)
        return asked_for(self.what, self.lists, self.checksums, of_one)

    def check_sources(self, asked: Asked) -> None:
        """Refuse options that contradict each other about what the content is.

        Args:
            asked: What is to be fetched.

        Raises:
            UsageError: They do.
        """
        if self.content_hash and not asked.one:
            raise click.UsageError("--content-hash is for one package")
        is_named = self.sources or self.catalog or self.catalog_sha256 or self.content_hash
        if self.config and is_named:
            raise click.UsageError(
                "--config goes without --from, --catalog, --catalog-sha256 and --content-hash"
            )

    def options(self) -> FetchOptions:
        """How it is to be fetched; reads the deployment file.

        Raises:
            ConfigError: The deployment file cannot be used.
        """
        config, root = self.config, self.trust_root
        deployment = load_deployment(config, trust_root=root) if config else None
        return FetchOptions(
            to=self.folder,
            site=NamedSite(
                self.sources,
                self.catalog,
                self.catalog_sha256,
                trust_root=None if deployment else root,
                content_hash=self.content_hash,
            ),
            access=self.access._replace(
                connections=self.connections,
                max_file_bytes=self.max_file_bytes,
                timeout_s=self.timeout_s,
            ),
            retry=self.retry,
            cap_bytes_per_s=self.cap_bytes_per_s or 0.0,
            wait_s=self.wait_s,
            include=self.include,
            exclude=self.exclude,
            remote_time=self.remote_time,
            seeds=self.seeds,
            deployment=deployment,
        )
