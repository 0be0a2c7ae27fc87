"""Which old file a new one is made of, and which patches are worth their bytes. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from dlcore.manifest import content_identity
from dlcore.model import File, Manifest
from dlcore.patches.policy import PatchPolicy


class Pair(NamedTuple):
    """A new file, and what it is to be made of.

    Attributes:
        file: Number of the new file in its manifest.
        old: The old file; None for nothing, which gives the compressed new file.
        is_same: Whether both have the same content, so that nothing is to be made.
    """

    file: int
    old: File | None
    is_same: bool = False


Worth: TypeAlias = Mapping[int, int]
"""Length of the shortest patch of each file that has one, by the file's number."""


def pairs(new: Manifest, old: Manifest, policy: PatchPolicy) -> Iterator[Pair]:
    """The new files that an older version does not have in their place.

    A file is made of the old file with its path; else of the same content elsewhere; else of the
    old file of the same name that is nearest in length. A short file that shares blocks with others
    and has none of these is compressed, so that its blocks are not fetched because of it alone.

    Args:
        new: The new version.
        old: The older one.
        policy: The longest files.
    """
    by_path = {file.path: file for file in old.files if not file.is_empty}
    by_content = {content_identity(old, file): file for file in by_path.values()}
    by_name = defaultdict[str, list[File]](list)
    for file in by_path.values():
        by_name[_name(file)].append(file)
    for number, file in enumerate(new.files):
        if file.is_empty:
            continue
        identity = content_identity(new, file)
        own = by_path.get(file.path)
        if own and content_identity(old, own) == identity:
            continue
        if same := by_content.get(identity):
            yield Pair(number, same, is_same=True)
        elif file.length_bytes <= policy.max_file_bytes:
            near = own or _nearest(by_name[_name(file)], file)
            if near and near.length_bytes <= policy.max_file_bytes:
                yield Pair(number, near)
            elif new.is_packed(file):
                yield Pair(number, None)


def _name(file: File) -> str:
    return file.path.rpartition("/")[2].casefold()


def _nearest(candidates: Collection[File], file: File) -> File | None:
    return min(
        candidates, key=lambda each: abs(each.length_bytes - file.length_bytes), default=None
    )


def worth_keeping(new: Manifest, lengths: Worth, policy: PatchPolicy) -> set[int]:
    """The files whose patches are to be published.

    What a patch saves is the blocks of its file. Short files share blocks: their patches are worth
    it if all patches of some block together are.

    Args:
        new: The new version.
        lengths: Of the patches; 0 of a file that is the same as an old one.
        policy: The largest share.
    """
    kept = set[int]()
    by_block = defaultdict[tuple[int, int], list[int]](list)
    for number, length_bytes in lengths.items():
        file = new.files[number]
        if not new.is_packed(file):
            if length_bytes <= policy.max_share * file.length_bytes:
                kept.add(number)
        else:
            for block in _blocks(new, file):
                by_block[file.object, block].append(number)
    for (index, block), files in by_block.items():
        start = block * new.block_bytes
        block_bytes = min(new.block_bytes, new.objects[index].length_bytes - start)
        if sum(lengths[number] for number in files) <= policy.max_share * block_bytes:
            kept.update(files)
    return kept


def _blocks(manifest: Manifest, file: File) -> Iterable[int]:
    last = (file.offset_bytes + file.length_bytes - 1) // manifest.block_bytes
    return range(file.offset_bytes // manifest.block_bytes, last + 1)
