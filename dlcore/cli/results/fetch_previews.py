"""What ``dlcore fetch --dry-run`` prints: of one thing, or of each of several."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dlcore.cli.ending.endings import ending_of, show_ending
from dlcore.cli.output import say, show_json
from dlcore.cli.results.fetch_results import format_group, format_proof, format_selection
from dlcore.engine.delivery.target import format_names
from dlcore.engine.fetching.ending import failures
from dlcore.engine.fetching.preview import FetchPreview, PreviewResult
from dlcore.engine.numbers_for_people import amount, counted


def show_preview(preview: FetchPreview, *, as_json: bool) -> int:
    """Print what a fetch of one thing would come to. Returns the exit status."""
    if as_json:
        show_json(_for_programs(preview))
    else:
        _say(preview, preview.package)
    return 0


def show_previews(results: Sequence[PreviewResult], *, as_json: bool) -> int:
    """Print what would become of each of several things; those that would fail come last.

    Returns:
        The exit status: the highest of all.
    """
    if as_json:
        show_json([_result_for_programs(result) for result in results])
    else:
        previews = [result.preview for result in results if result.preview]
        for result in results:
            if result.preview:
                _say(result.preview, result.item.shown)
        total = sum(each.bytes_to_fetch for each in previews)
        present = sum(each.bytes_present for each in previews)
        say(f"in total: {amount(total)} to fetch, {amount(present)} already there")
    failed = failures((result.item, result.preview, result.error) for result in results)
    for item, error in failed:
        show_ending(ending_of(error), error, as_json=False, about=item.shown)
    return max((ending_of(error).exit_status for _, error in failed), default=0)


def _result_for_programs(result: PreviewResult) -> dict[str, object]:
    if result.preview:
        return {"what": result.item.shown, **_for_programs(result.preview)}
    assert result.error
    return {"what": result.item.shown, "error": ending_of(result.error).for_programs()}


def _for_programs(preview: FetchPreview) -> dict[str, object]:
    is_complete = preview.selection is None
    return {"dry_run": True, **msgspec.to_builtins(preview), "complete": is_complete}


def _say(preview: FetchPreview, name: str) -> None:
    package = f"{name} version {preview.version}{format_selection(preview.selection)}"
    say(
        f"{package}: {counted(preview.files, 'file')}, "
        f"{amount(preview.content_bytes)}, to {preview.path}"
    )
    say(
        f"  {amount(preview.bytes_present)} there and verified{format_proof(preview.verified_by)}, "
        f"{amount(preview.bytes_to_fetch)} to fetch"
    )
    if preview.room_bytes:
        free = amount(preview.free_bytes)
        say(f"  needs {amount(preview.room_bytes)} of disk space; {free} are free")
    for endpoint, answer in preview.endpoints.items():
        holds = f"{answer.objects} of {counted(preview.objects_to_fetch, 'object')}"
        group = format_group(preview.boundary, endpoint)
        say(f"  from {endpoint}{group}: {answer.fault or f'serves {holds} to fetch'}")
    if preview.repaired:
        say(f"  would be put right: {format_names(preview.repaired)}")
