"""Publishes everything that a content library has, into a catalog or into the part of a shard.

Guarantees: a content whose files are not what the library states is not published, and does not
stop the others. Nothing is removed from the site. The same library gives the same site, whichever
threads, processes or machines published its contents, and however often they were killed.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from dlcore.model import CatalogEntry
from dlcore.publish.library.contents import Contents
from dlcore.publish.library.entering import Entering, Entries
from dlcore.publish.library.one_content import Done, Job, Refusal
from dlcore.publish.library.shards import Shard
from dlcore.publish.policy import PublishPolicy

log = logging.getLogger("dlcore.publish")

ContentOutcome = Done | Refusal

Doing = Callable[[Iterable[Job]], Iterator[ContentOutcome]]
"""Publishes contents, several at the same time, and yields what becomes of them in any order."""

Tell = Callable[[int, int], None]
"""Called now and then with how many contents are done, and how many there are."""


class ContentVersion(msgspec.Struct, frozen=True, order=True):
    """A version of a content.

    Attributes:
        package_id: Id under which it is published.
        version: Its version.
    """

    package_id: str
    version: int


class PublishedLibrary(msgspec.Struct, frozen=True):
    """The result of publishing a library, or a shard of it.

    Attributes:
        contents: Number of contents that the library has of it, those that were refused included.
        content_bytes: Length of all that is published of it.
        new: What the catalog did not have.
        changed: What it had in an earlier version, or with other content.
        unchanged: Number of contents that it had as they are.
        gone: Ids that the catalog has and the library does not. They stay published, unless they
            are withdrawn.
        refused: What was not published, and why.
        objects_written: Number of objects that were written.
        written_bytes: Length of these objects.
        documents_written: Number of manifests, and changes of the catalog or of the shard's part.
        withdrawn: Those of what is gone that were taken out of the catalog, or would be.
        contradicting: Ids of contents of which the library states a content hash that their files
            do not have. They are published: the files are as their digests say, but a file that
            nothing in the library describes may be missing.
    """

    contents: int
    content_bytes: int
    new: tuple[ContentVersion, ...]
    changed: tuple[ContentVersion, ...]
    unchanged: int
    gone: tuple[str, ...]
    refused: tuple[Refusal, ...]
    objects_written: int = 0
    written_bytes: int = 0
    documents_written: int = 0
    withdrawn: tuple[str, ...] = ()
    contradicting: tuple[str, ...] = ()


class WholeLibrary:
    """One publishing of a library, or of a shard of it.

    Args:
        contents: What the library has.
        published: What the catalog of the site states.
        entering: Where entries go.
        shard: Which part of the contents to publish.
        policy: Sizes and limits.
        tell: Told of the progress.
    """

    def __init__(
        self,
        contents: Contents,
        published: Entries,
        entering: Entering,
        shard: Shard,
        policy: PublishPolicy,
        tell: Tell,
    ) -> None:
        own = {key: each for key, each in contents.found.items() if shard.holds(key)}
        self._published = published
        self._entering = entering
        self._policy = policy
        self._tell = tell
        self._jobs = {key: Job(content, entering.known.get(key)) for key, content in own.items()}
        self._refused = {
            key: Refusal.of(key, error)
            for key, error in contents.unreadable.items()
            if shard.holds(key)
        }
        self._gone = tuple(
            key
            for key in sorted(published)
            if shard.holds(key) and key not in contents.found and key not in contents.unreadable
        )
        self._done: dict[str, Done] = {}
        self._round = 0

    @property
    def gone(self) -> tuple[str, ...]:
        """Ids that the catalog has and the library does not."""
        return self._gone

    def run(self, doing: Doing) -> PublishedLibrary:
        """Publish what is not at the site yet.

        Args:
            doing: Publishes contents.
        """
        self._entering.begin()
        step = self._policy.contents_per_change
        outcomes = doing(self._in_this_round(self._jobs.values()))
        finished = 0
        while batch := list(itertools.islice(outcomes, step)):
            self._enter(batch, doing)
            finished += len(batch)
            if finished < len(self._jobs):
                self._tell(finished, len(self._jobs))
        result = self._result()
        self._entering.finish(result.refused, result.gone)
        return msgspec.structs.replace(
            result, documents_written=result.documents_written + self._entering.documents
        )

    def foresee(self, doing: Doing) -> PublishedLibrary:
        """What `run` would come to, without a write.

        Args:
            doing: Foresees contents.
        """
        for number, outcome in enumerate(doing(self._jobs.values()), 1):
            self._note(outcome)
            if number % self._policy.contents_per_change == 0:
                self._tell(number, len(self._jobs))
        return self._result()

    def _in_this_round(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Jobs as they are handed out: in the round that it is then."""
        for job in jobs:
            yield msgspec.structs.replace(job, round=self._round)

    def _enter(self, batch: Sequence[ContentOutcome], doing: Doing) -> None:
        """Enter what was published, and is certainly there.

        What was looked at before a pruning is looked at again; also what was ahead of this batch
        when the pruning was noticed.
        """
        for outcome in batch:
            self._note(outcome)
        while True:
            own = [self._done[each.package_id] for each in batch if isinstance(each, Done)]
            stale = [self._jobs[each.package_id] for each in own if each.round < self._round]
            if stale:
                batch = [
                    *(each for each in own if each.round == self._round),
                    *doing(self._in_this_round(stale)),
                ]
                for outcome in batch:
                    self._note(outcome)
            refused = self._entering.enter(_entries(batch))
            if refused is not None:
                break
            log.info("the site was pruned meanwhile; what was published is looked at again")
            self._round += 1
        for key, error in refused.items():
            self._note(Refusal.of(key, error))

    def _note(self, outcome: ContentOutcome) -> None:
        key = outcome.package_id
        if isinstance(outcome, Refusal):
            self._refused[key] = outcome
            self._done.pop(key, None)
            log.warning("%s is not published: %s", key, outcome.message)
            return
        earlier = self._done.get(key)
        if earlier:  # it was looked at again
            outcome = msgspec.structs.replace(
                outcome,
                objects={**earlier.objects, **outcome.objects},
                wrote_manifest=earlier.wrote_manifest or outcome.wrote_manifest,
            )
        self._done[key] = outcome

    def _result(self) -> PublishedLibrary:
        new, changed = list[ContentVersion](), list[ContentVersion]()
        for key, done in self._done.items():
            known = self._published.get(key)
            if known != done.entry or known is None:
                (new if known is None else changed).append(ContentVersion(key, done.version))
        objects = {
            name: size for done in self._done.values() for name, size in done.objects.items()
        }
        return PublishedLibrary(
            contents=len(self._done) + len(self._refused),
            content_bytes=sum(done.content_bytes for done in self._done.values()),
            new=tuple(sorted(new)),
            changed=tuple(sorted(changed)),
            unchanged=len(self._done) - len(new) - len(changed),
            gone=self._gone,
            refused=tuple(refusal for _, refusal in sorted(self._refused.items())),
            objects_written=len(objects),
            written_bytes=sum(objects.values()),
            documents_written=sum(done.wrote_manifest for done in self._done.values()),
            contradicting=tuple(
                sorted(key for key, done in self._done.items() if done.contradicts_itself)
            ),
        )


def _entries(batch: Iterable[ContentOutcome]) -> dict[str, CatalogEntry]:
    return {each.package_id: each.entry for each in batch if isinstance(each, Done) and each.entry}
