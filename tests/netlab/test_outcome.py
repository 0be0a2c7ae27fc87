"""How dlcore is judged among the others."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench.netlab import outcome
from bench.netlab.comparison import Entry
from bench.netlab.link import Link
from bench.netlab.measure import counted
from bench.netlab.outcome import Outcome
from bench.netlab.profiles import PROFILES
from tests.netlab.samples import entry, result, traffic

FAR = PROFILES["far"]


def reached(*entries: Entry) -> dict[str, bool]:
    found = outcome.judged(FAR, list(entries), [])
    return {verdict.what: verdict.reached for verdict in found.verdicts}


def test_dlcore_is_measured_by_its_share_and_by_the_best_rival() -> None:
    found = outcome.judged(FAR, [entry("dlcore", 0.9), entry("a", 0.3), entry("b", 0.6)], [])
    assert [verdict.value for verdict in found.verdicts] == pytest.approx([0.9, 1.5])


def test_a_share_below_the_bound_is_not_reached() -> None:
    assert reached(entry("dlcore", 0.89), entry("a", 0.3)) == {
        "share of the link": False,
        "times the best rival's share": True,
    }


def test_without_dlcore_nothing_is_judged() -> None:
    assert reached(entry("a", 0.3)) == {}


def test_without_rivals_only_the_share_is_judged() -> None:
    assert reached(entry("dlcore", 0.95)) == {"share of the link": True}


def test_the_median_of_the_rounds_counts() -> None:
    assert entry("a", 0.1, 0.9, 0.2).share == 0.2


def test_an_upper_bound_is_reached_from_below() -> None:
    assert outcome.Verdict("makespan", 1.02, 1.03, at_most=True).reached
    assert not outcome.Verdict("makespan", 1.04, 1.03, at_most=True).reached


def test_a_run_cut_short_got_what_the_link_delivered() -> None:
    run = result(0.5, cut_short=True).run
    assert counted(run, traffic(1500), FAR.link).run.received_bytes == 1448
    assert counted(run, traffic(1 << 40), FAR.link).run.received_bytes == run.wanted_bytes


def test_the_share_is_that_of_the_payload_rate() -> None:
    run = result(0.5).run
    link = Link(rate_mbit=run.received_bytes / 10 * 8 / 1e6 * 1500 / 1448, rtt_ms=1)
    assert counted(run, traffic(0), link).share == pytest.approx(1.0)


def test_the_document_has_every_run(tmp_path: Path) -> None:
    outcome.write(tmp_path / "net.json", [Outcome("far", "", [entry("a", 0.1, 0.2)])], {"cpu": "x"})
    document = msgspec.json.decode((tmp_path / "net.json").read_bytes())
    assert document["facts"] == {"cpu": "x"}
    assert [run["share"] for run in document["outcomes"][0]["entries"][0]["results"]] == [0.1, 0.2]


def test_the_table_names_what_was_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    outcome.show([Outcome("far", "", [entry("a", 0.1)], skipped=["far, axel: not installed"])], {})
    assert "skipped: far, axel: not installed" in capsys.readouterr().out


def test_the_table_says_which_shares_are_of_the_bytes_so_far(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcome.show([Outcome("far", "", [entry("a", 0.123, cut_short=True)])], {})
    assert "0.123*" in capsys.readouterr().out
