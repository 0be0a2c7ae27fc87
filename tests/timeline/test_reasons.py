"""Why a run took so long, as it is told to people."""

from __future__ import annotations

import pytest

from dlcore.engine import events
from dlcore.timeline import headline, reasons
from tests.timeline.scene import MIB, bad_case, begins, ended, failed_case, made, progress

BOUND = "Over this link, no order of the downloads could have ended before 42 s."
LIAR = (
    "Endpoint liar served content that does not match its digest (3 bad blocks); from 0:04.5 on it "
    "was asked only for what no other one had."
)


def texts(happened: list[tuple[float, events.Event]]) -> list[str]:
    return [sentence for r in reasons(made(happened)) for sentence in (r.text, *r.details)]


def test_a_stranger_is_told_why_the_bad_case_was_slow() -> None:
    assert headline(made(bad_case())) == (
        "It took 43 s: steps ran for 11 s, and waited for their content for 32 s (74%)."
    )
    assert texts(bad_case()) == [
        'Step 1 "Upgrade" waited 30 s for ABC00001.',
        "When that wait began, 2.0 MiB of the 60.0 MiB of ABC00001 were there.",
        "Meanwhile about 57.2 MiB came: good 1.8 MiB/s, liar 105.8 KiB/s, slow 3.4 KiB/s.",
        "For 3.0 s of that time nothing came at all.",
        'Step 0 "Drivers" waited 2.0 s for ABC00002.',
        "When that wait began, 0 bytes of the 10.0 MiB of ABC00002 were there.",
        "Meanwhile about 10.0 MiB came: liar 3.0 MiB/s, good 2.0 MiB/s.",
        "Endpoint slow was slow: 4.8 KiB/s, where good brought 1.4 MiB/s.",
        "It brought 204.8 KiB of 72.2 MiB.",
        LIAR,
        "Nothing of that was kept.",
        "Before, all endpoints together brought 5.0 MiB/s; after it, 2.0 MiB/s.",
        BOUND,
        (
            "The run came near to that: another order of the downloads would not help, only faster "
            "endpoints, a faster link, or less content."
        ),
        "At 5.0 MiB/s, which this run reached at times, it could have taken 24 s.",
    ]


def test_a_run_that_waits_for_nothing_is_told_to_be_slow_by_itself() -> None:
    told = texts(
        [
            (0.0, begins("long", "short")),
            (0.0, events.StepStarted(0, "long", 0.0)),
            (90.0, events.StepEnded(0, "long", "succeeded", 0, 90.0)),
            (90.0, events.StepStarted(1, "short", 0.0)),
            (95.0, events.StepEnded(1, "short", "succeeded", 0, 5.0)),
            (95.0, ended(95.0, 95.0, 0, 1)),
        ]
    )
    assert "The steps themselves took nearly all of the time: faster downloads would not help." in (
        told
    )
    assert told[-1] == 'Step 0 "long" ran for 1 min 30 s, longer than any other step.'


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (events.DownloadRetried("A", 1, 2, 15.0), "No endpoint was left for A: all were asked"),
        (
            events.WaitingForNetwork(("A",), 60.0, "gone"),
            "No endpoint could be reached: 1 min 00 s",
        ),
        (
            events.WaitingForAgent(("A",), 0.5, "gone"),
            "The agent was away for 0.5 s, from 0.5 s on.",
        ),
        (progress(cap=2.0 * MIB), "Downloads were capped at 2.0 MiB/s by a setting."),
        (events.PackageFailed("A", "gone"), "Package A could not be fetched: gone."),
        (
            events.StepEnded(0, "x", "failed", 5, 1.0, "exit code 5"),
            'Step 0 "x" failed: exit code 5',
        ),
        (
            events.RangeFailed("A", "dp", "stall", "no byte"),
            "Endpoint dp failed 1 time (no answer for too long).",
        ),
    ],
)
def test_each_cause_is_told(event: events.Event, told: str) -> None:
    happened = [(0.0, begins("x")), (1.0, event)]
    assert any(sentence.startswith(told) for sentence in texts(happened)), texts(happened)


def test_an_endpoint_that_is_given_up_is_told_with_the_moment() -> None:
    told = texts(
        [
            (0.0, begins()),
            (60.0, events.RangeFailed("A", "dp", "connect", "dp: refused")),
            (61.0, events.EndpointNote("dp", "dropped", "it failed 8 times")),
        ]
    )
    assert told == [
        "Endpoint dp failed 1 time (no connection), and was not asked any more from 1:01.0 on.",
        "Last: it failed 8 times.",
    ]


@pytest.mark.parametrize("kind", [events.BlockRejected, events.CulpritFound])
def test_an_endpoint_that_serves_one_bad_block_is_told_of_as_well(
    kind: type[events.BlockRejected | events.CulpritFound],
) -> None:
    told = texts([(0.0, begins()), (60.0, kind("A", "object", 3, "dp"))])
    assert told == [
        "Endpoint dp served content that does not match its digest (1 bad block).",
        "Nothing of that was kept.",
    ]


def test_a_better_link_is_told_of_only_if_it_would_help() -> None:
    happened = bad_case()
    assert "which this run reached at times" not in "".join(texts(happened[:-1]))
    best = [sentence for sentence in texts(happened) if "reached at times" in sentence]
    assert best == ["At 5.0 MiB/s, which this run reached at times, it could have taken 24 s."]


def test_many_packages_of_a_step_are_not_all_named() -> None:
    waits = {f"ABC0000{n}": float(n) for n in range(1, 6)}
    told = texts([(0.0, begins("x")), (20.0, events.StepStarted(0, "x", 15.0, waits))])
    assert told[0] == 'Step 0 "x" waited 15 s for ABC00005 and ABC00004 and 3 more.'


def test_a_failed_run_is_told_of_by_its_failures_and_what_they_cost() -> None:
    """Fault: a run failed, and its report names a bound. dlcore tells why it failed."""
    told = texts(failed_case())
    assert told[0].startswith('Step 1 "Drivers" failed: no endpoint is left for ABC00002')
    assert sum("no endpoint is left" in sentence for sentence in told) == 1
    assert 'Step 1 "Drivers" waited 16 s for ABC00002.' in told
    assert (
        "What that cost: asked for 5.0 s of patience before it told what it holds; failed requests "
        "took 0.4 s; 1 renewal of its token, signature or locations, 1.2 s."
    ) in told
    assert "What that cost: not asked for 32 s after failures; failed requests took 4.0 s." in told
    assert not any("branch was slow" in sentence for sentence in told), "it failed, and was not"
    assert not any("could have ended" in sentence for sentence in told)
    assert not any("0 bytes/s" in sentence for sentence in told)


def test_wrong_content_costs_the_time_in_which_it_came() -> None:
    wrong = events.EndpointProgress(0, 0.0, 8 * MIB, 3, 4.0, 8, 0.0, 0.0, 3 * MIB)
    told = texts(
        [
            (0.0, begins("x")),
            (1.0, events.BlockRejected("A", "object", 3, "dp")),
            (4.0, events.Progress(0, 0, 0.0, 0, {"dp": wrong})),
        ]
    )
    assert "What that cost: 3.0 MiB of wrong content, 1.5 s." in told
