"""The bench of faults tells right from wrong, whatever the tool is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.faults import behaviours
from bench.faults.cases import CASES
from bench.faults.tools import Job
from bench.faults.trial import Case, Outcome, Published, Verdict, try_out
from bench.web import Behaviour, right

STARTS_TOOLS = pytest.mark.posix_only(reason="the bench limits and kills tools as POSIX does")
CONTENT = bytes(range(256)) * 20_000
FETCH = (
    "import sys, urllib.request as u; open(sys.argv[2], 'wb').write(u.urlopen(sys.argv[1]).read())"
)


@pytest.fixture
def published(tmp_path: Path) -> Published:
    path = tmp_path / "published" / "objects" / "name"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    return Published(tmp_path / "published", "objects/name", CONTENT)


def python(code: str) -> Callable[[Job], list[str]]:
    return lambda job: [sys.executable, "-c", code, job.url, str(job.target)]


def outcome(
    published: Published, tmp_path: Path, case: Case, code: str = FETCH, bound_s: float = 30.0
) -> Outcome:
    found = try_out(case, python(code), published, tmp_path / "trial", bound_s)
    assert not (tmp_path / "trial").exists()
    return found


@STARTS_TOOLS
@pytest.mark.parametrize(
    ("behaviour", "verdict"),
    [
        (right, Verdict.RIGHT),
        (behaviours.flip, Verdict.WRONG),
        (behaviours.login_page, Verdict.WRONG),
        (behaviours.truncated, Verdict.REFUSED),
        (behaviours.truncated_without_length, Verdict.WRONG),
        (behaviours.reset, Verdict.REFUSED),
        (behaviours.failing, Verdict.REFUSED),
        (behaviours.compressed, Verdict.WRONG),
    ],
)
def test_a_plain_program_is_judged_by_what_it_claims_and_what_it_wrote(
    published: Published, tmp_path: Path, behaviour: Behaviour, verdict: Verdict
) -> None:
    assert outcome(published, tmp_path, Case("", behaviour)) == Outcome(verdict)


@STARTS_TOOLS
def test_a_program_that_claims_success_without_a_file_is_wrong(
    published: Published, tmp_path: Path
) -> None:
    assert outcome(published, tmp_path, Case(""), "").verdict is Verdict.WRONG


@STARTS_TOOLS
def test_a_program_that_waits_for_a_silent_server_hangs(
    published: Published, tmp_path: Path
) -> None:
    case = Case("", behaviours.silence)
    assert outcome(published, tmp_path, case, bound_s=0.5).verdict is Verdict.HUNG


@STARTS_TOOLS
def test_what_a_killed_program_fetches_again_is_lost(published: Published, tmp_path: Path) -> None:
    found = outcome(published, tmp_path, Case("", is_killed=True))
    assert found.verdict is Verdict.RIGHT
    assert 0.4 < found.lost_share < 1
    assert "lost" in str(found)


@STARTS_TOOLS
def test_a_limit_on_files_ends_with_the_run_it_is_for(published: Published, tmp_path: Path) -> None:
    assert outcome(published, tmp_path, Case("", file_limit=True)) == Outcome(Verdict.RIGHT)


def test_the_cases_have_names_of_their_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 20
