"""A campaign gives every target its time, and keeps what it found."""

from __future__ import annotations

import threading
from dataclasses import replace

from tests.fuzz.campaign import Campaign, Figures, counted, next_target, table

SAID = """\
#131072 pulse  cov: 409 ft: 833 corp: 74/100Kb lim: 3545 exec/s: 15398 rss: 105Mb
#209839 REDUCE cov: 412 ft: 840 corp: 75/100Kb lim: 3633 exec/s: 14988 rss: 105Mb
Done 210000 runs in 14 second(s)
stat::number_of_executed_units: 210000
"""


def test_the_target_that_had_least_is_next() -> None:
    figures = {"a": Figures(cpu_s=40), "b": Figures(cpu_s=10), "c": Figures(cpu_s=60)}
    assert next_target(figures, 60.0) == "b"


def test_a_target_with_a_finding_gets_no_more_turns() -> None:
    figures = {"a": Figures(cpu_s=40), "b": Figures(cpu_s=10, finding="status 77")}
    assert next_target(figures, 60.0) == "a"


def test_a_campaign_ends_when_each_target_had_its_time() -> None:
    figures = {"a": Figures(cpu_s=58), "b": Figures(cpu_s=61)}
    assert next_target(figures, 60.0) is None
    assert next_target(figures, 90.0) == "a"


def test_a_short_campaign_tries_each_target() -> None:
    assert next_target({"a": Figures()}, 1.0) == "a"


def test_a_turn_is_added_to_what_the_target_had() -> None:
    once = counted(Figures(), SAID, 14.04, 0)
    assert once == Figures(cpu_s=14.0, turns=1, inputs=210_000, edges=412)
    twice = counted(once, "stat::number_of_executed_units: 5", 1.0, 0)
    assert twice == Figures(cpu_s=15.0, turns=2, inputs=210_005, edges=412)


def test_a_process_that_fails_is_a_finding() -> None:
    assert counted(Figures(turns=2), "", 1.0, 77).finding == "status 77, turn 3"


def test_a_table_has_a_row_for_each_target() -> None:
    row = table({"catalog": Figures(cpu_s=90, inputs=1_234_567, edges=300)}).splitlines()[-1]
    assert row == "| `catalog` | 1.5 | 1,234,567 | 300 |  |"


def test_workers_share_the_targets_and_each_has_its_time() -> None:
    both = threading.Barrier(2, timeout=30)

    def turn(target: str, before: Figures, duration_s: float) -> Figures:
        both.wait()  # so that each of the two is fuzzed while the other one is
        return replace(before, cpu_s=before.cpu_s + duration_s, turns=before.turns + 1)

    kept: list[dict[str, Figures]] = []
    campaign = Campaign(
        {"a": Figures(), "b": Figures()}, 60.0, turn, lambda figures: kept.append({**figures})
    )
    workers = [threading.Thread(target=campaign.work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert campaign.figures == dict.fromkeys("ab", Figures(cpu_s=60.0, turns=1))
    assert kept[-1] == campaign.figures
