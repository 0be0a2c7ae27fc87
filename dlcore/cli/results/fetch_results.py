"""What ``dlcore fetch`` prints at its end: of one thing, or of each of several."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from dlcore.cli.ending.endings import ending_of, show_ending
from dlcore.cli.output import say, show_json
from dlcore.cli.results.amounts import format_amounts
from dlcore.digests import FORGEABLE, SHA_256, title
from dlcore.engine.delivery.target import format_names
from dlcore.engine.documents.content_library import StatedHash
from dlcore.engine.download.allowed import AllowedGroups
from dlcore.engine.fetching.ending import failures
from dlcore.engine.fetching.fetch_into import Fetched, SelectionSize
from dlcore.engine.fetching.truth import Truth
from dlcore.engine.numbers_for_people import amount, counted
from dlcore.package_ids import LOCAL_ID

if TYPE_CHECKING:
    from dlcore.engine.fetching.fetch_many import FetchResult

_TRUTH_TEXTS: Final = {
    Truth.CONTENT_LIBRARY: " by the content library",
    Truth.CONTENT_HASH: " by the content hash of the whole",
}
_CONTRADICTION: Final = (
    "the content library contradicts itself: its files do not have the content hash that it states;"
    " validate the content on the distribution point"
)
MAX_LISTED: Final = 10  # more lines than that push what was said before off the screen


def show_fetched(fetched: Fetched, *, as_json: bool, says_nothing: bool) -> int:
    """Print what a fetch of one thing came to.

    Args:
        fetched: What it came to.
        as_json: Whether programs are told.
        says_nothing: Whether people are told nothing: they want quiet, or events go there.

    Returns:
        The exit status.
    """
    if as_json:
        show_json(_for_programs(fetched))
    elif not says_nothing:
        _say(fetched, Path(fetched.path).name if fetched.package == LOCAL_ID else fetched.package)
    return 0


def show_results(
    results: Sequence[FetchResult],
    *,
    as_json: bool,
    says_nothing: bool,
    is_verbose: bool = False,
) -> int:
    """Print what became of several things; those that failed come last, one by one.

    Of many that succeeded, only those that were repaired are printed.

    Args:
        results: All of them.
        as_json: Whether programs are told.
        says_nothing: Whether people are told nothing: they want quiet, or events go there.
        is_verbose: Whether to print each one, however many they are.

    Returns:
        The exit status: the highest of all.
    """
    if as_json:
        show_json([_result_for_programs(result) for result in results])
    elif not says_nothing:
        well = [(result.item.shown, result.fetched) for result in results if result.fetched]
        if len(well) > MAX_LISTED and not is_verbose:
            _say_many([fetched for _, fetched in well])
            well = [(name, fetched) for name, fetched in well if fetched.repaired]
        for name, fetched in well:
            _say(fetched, name)
    failed = failures((result.item, result.fetched, result.error) for result in results)
    for item, error in failed:
        show_ending(ending_of(error), error, as_json=False, about=item.shown)
    if failed and not (as_json or says_nothing):
        of_all = f" of {len(results)}" if len(results) > 1 else ""
        say(f"{len(failed)}{of_all} {'items' if of_all else 'item'} failed")
    return max((ending_of(error).exit_status for _, error in failed), default=0)


def format_selection(selection: SelectionSize | None) -> str:
    """How much of a package a fetch is for, behind the package's name."""
    if selection is None:
        return ""
    package = counted(selection.package_files, "file")
    return f" ({selection.files} of {package}; not the whole package)"


def format_proof(algorithm: str) -> str:
    """By which digests content is verified, and what is wrong with them; empty for SHA-256."""
    how = "" if algorithm == SHA_256 else f" by {title(algorithm)}"
    is_weak = algorithm in FORGEABLE
    return f"{how}, which does not protect against a deliberate forgery" if is_weak else how


def format_group(boundary: AllowedGroups | None, endpoint: str) -> str:
    """The boundary group that allows an endpoint, in brackets; empty if none has to."""
    groups = boundary.groups if boundary else {}
    group = next((name for name, names in groups.items() if endpoint in names), "")
    if not (boundary and group):
        return ""
    return f" (boundary group {group}{', by fallback' if group in boundary.by_fallback else ''})"


def _format_truth(truth: Truth) -> str:
    """What vouches for content, if it is not what it usually is."""
    return _TRUTH_TEXTS.get(truth, "")


def _result_for_programs(result: FetchResult) -> dict[str, object]:
    what = result.item.shown
    if result.fetched and not result.error:
        return {"what": what, **_for_programs(result.fetched)}
    ((_, error),) = failures([(result.item, result.fetched, result.error)])
    return {"what": what, "error": ending_of(error).for_programs()}


def _for_programs(fetched: Fetched) -> dict[str, object]:
    more = {
        "truth_known": fetched.truth.known.value,
        "verified": True,
        "complete": fetched.selection is None,
    }
    return {**msgspec.to_builtins(fetched), **more}


def _say_many(all_of_them: Sequence[Fetched]) -> None:
    folder = os.path.commonpath([Path(fetched.path).parent for fetched in all_of_them])
    content_bytes = sum(own.content_bytes for own in all_of_them)
    came = format_amounts(
        sum(own.bytes_fetched for own in all_of_them),
        sum(own.bytes_reused for own in all_of_them),
        sum(own.bytes_patched for own in all_of_them),
    )
    say(f"{len(all_of_them)} items: {amount(content_bytes)} verified in {folder} ({came})")


def _say(fetched: Fetched, name: str) -> None:
    how = format_proof(fetched.verified_by) + _format_truth(fetched.truth)
    how += "," if "," in how else ""  # the clause ends before the place
    name += "" if fetched.version is None else f" version {fetched.version}"
    name += format_selection(fetched.selection)
    came = format_amounts(fetched.bytes_fetched, fetched.bytes_reused, fetched.bytes_patched)
    say(f"{name}: {amount(fetched.content_bytes)} verified{how} at {fetched.path} ({came})")
    if fetched.boundary:
        for endpoint in fetched.endpoints:
            group = format_group(fetched.boundary, endpoint)
            say(f"from {endpoint}{group or ', before the network changed'}")
    if fetched.stated_hash is StatedHash.DIFFERENT:
        say(_CONTRADICTION)
    if fetched.repaired:
        say(f"was different before: {format_names(fetched.repaired)}")
