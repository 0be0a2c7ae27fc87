"""What a fetch says of how its content was verified."""

from __future__ import annotations

import json

import pytest

from dlcore.cli.results.fetch_results import show_fetched, show_results
from dlcore.engine.documents.content_library import StatedHash
from dlcore.engine.fetching.call import FetchItem
from dlcore.engine.fetching.fetch_into import Fetched
from dlcore.engine.fetching.fetch_many import FetchResult
from dlcore.engine.fetching.truth import Truth
from dlcore.errors import InternalError


def fetched(truth: Truth, stated_hash: StatedHash) -> Fetched:
    return Fetched(
        "ABC00012", "to", 5, 5, 0, {"dp1": 5}, version=3, truth=truth, stated_hash=stated_hash
    )


@pytest.mark.parametrize("is_different", [True, False])
def test_a_library_that_contradicts_itself_is_told(
    capsys: pytest.CaptureFixture[str], is_different: bool
) -> None:
    """Fault: a content library contradicts itself. dlcore tells people and programs."""
    stated = StatedHash.DIFFERENT if is_different else StatedHash.EQUAL
    found = fetched(Truth.CONTENT_LIBRARY, stated)
    show_fetched(found, as_json=False, says_nothing=False)
    assert ("contradicts itself" in capsys.readouterr().out) is is_different
    show_fetched(found, as_json=True, says_nothing=False)
    assert json.loads(capsys.readouterr().out)["stated_hash"] == stated


def test_it_is_told_that_only_the_whole_was_compared(capsys: pytest.CaptureFixture[str]) -> None:
    show_fetched(fetched(Truth.CONTENT_HASH, StatedHash.EQUAL), as_json=False, says_nothing=False)
    assert "by the content hash of the whole" in capsys.readouterr().out


def test_a_result_that_says_neither_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    well = FetchResult(FetchItem("ABC00012"), fetched(Truth.MANIFEST, StatedHash.NOT_COMPARED))
    assert show_results([well], as_json=False, says_nothing=True) == 0
    lost = FetchResult(FetchItem("ABC00013"))
    assert show_results([well, lost], as_json=False, says_nothing=True) == InternalError.exit_status
    assert "ABC00013" in capsys.readouterr().err
