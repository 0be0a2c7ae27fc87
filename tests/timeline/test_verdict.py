"""The one sentence that says why it took so long, and what to do."""

from __future__ import annotations

import pytest

from dlcore.engine import events
from dlcore.engine.events import Event
from dlcore.timeline import verdict
from tests.timeline.scene import MIB, bad_case, begins, ended, failed_case, made, progress

FAILED = "endpoint dp failed"


def waiting(*meanwhile: tuple[float, Event], until_s: float = 20.0) -> list[tuple[float, Event]]:
    """A step waits for a package, and something happens meanwhile."""
    return [
        (0.0, begins("x")),
        (0.0, events.PackageStarted("A", 20 * MIB, 0)),
        (0.0, events.StepWaiting(0, "x", ("A",))),
        *meanwhile,
        (until_s, progress(dp=20.0)),
        (until_s, events.PackageReady("A", "/there")),
        (until_s, events.StepStarted(0, "x", until_s, {"A": until_s}, ("A",))),
        (until_s + 1, events.StepEnded(0, "x", "succeeded", 0, 1.0)),
        (until_s + 1, ended(until_s + 1, until_s + 1, 20, 1.0, stall_s=until_s)),
    ]


def failure(fault: str) -> Event:
    return events.RangeFailed("A", "dp", fault, "dp: it failed")


def test_a_stranger_is_told_who_is_to_blame_and_what_to_do() -> None:
    told = verdict(made(bad_case()))
    assert told.text == (
        'Steps waited 32 s for their content, most of all step 1 "Upgrade" (30 s for ABC00001): '
        "endpoint liar served content that does not match its digest, and from 0:04.5 on was asked "
        "only for what no other had; endpoint slow brought only 4.8 KiB/s, where good brought "
        "1.4 MiB/s."
    )
    assert told.advice == (
        "Publish the content at liar again, or leave it out of the settings.",
        "Find out why slow is slow, or leave it out of the settings.",
    )


@pytest.mark.parametrize(
    ("meanwhile", "text", "advice"),
    [
        (
            [failure("connect")] * 3,
            "endpoint dp failed 3 times (no connection)",
            "dlcore doctor tries",
        ),
        (
            [failure("busy")] * 5,
            "endpoint dp failed 5 times (server asked for fewer requests)",
            "fewer connections",
        ),
        (
            [failure("stall")] * 4,
            "endpoint dp failed 4 times (no answer for too long)",
            "the log of the server",
        ),
        (
            [events.WaitingForNetwork(("A",), 9.0, "gone")],
            "no endpoint could be reached for 9.0 s",
            "Check the network",
        ),
        (
            [events.WaitingForAgent(("A",), 2.0, "gone"), events.AgentReturned(("A",), 9.0)],
            "the agent was away for 9.0 s, from 0:03.0 on",
            "the agent's log",
        ),
        ([progress(dp=0.0, cap=MIB)], "a setting caps downloads at 1.0 MiB/s", "Raise the cap"),
        ([], "1.0 MiB/s came from all endpoints together", "Only faster endpoints"),
    ],
)
def test_each_cause_has_its_advice(meanwhile: list[Event], text: str, advice: str) -> None:
    told = verdict(made(waiting(*((5.0, event) for event in meanwhile))))
    assert told.text == f'Step 0 "x" waited 20 s for A: {text}.'
    assert len(told.advice) == 1
    assert advice in told.advice[0]


def test_a_single_failure_is_not_blamed() -> None:
    told = verdict(made(waiting((5.0, failure("truncated")))))
    assert "failed" not in told.text


def test_what_holds_nothing_up_is_not_blamed() -> None:
    """Fault: an endpoint lies, and no step waits. dlcore blames nobody for the length."""
    told = verdict(made(waiting((0.0, failure("corrupt")), until_s=0.001)))
    assert told.text == "Content held no step up: the steps themselves ran for 1.0 s."
    assert told.advice == ()


def test_what_failed_is_said_first() -> None:
    run = [
        (0.0, begins("x")),
        (0.0, events.StepStarted(0, "x", 0.0)),
        (1.0, events.StepEnded(0, "x", "failed", 5, 1.0, "exit code 5", "access is denied")),
        (1.0, events.RunEnded("failed", 1.0, 1.0, 0.0, "measured", 0.0, 0, 0, 0)),
    ]
    assert verdict(made(run)).text == 'Step 0 "x" failed: exit code 5: access is denied.'


def test_all_content_first_is_a_reason_of_its_own() -> None:
    happened: list[tuple[float, Event]] = [
        (0.0, begins("x")),
        (0.0, events.PackageStarted("A", 20 * MIB, 0)),
        (20.0, progress(dp=20.0)),
        (20.0, events.PackageReady("A", "/there")),
        (20.0, events.StepStarted(0, "x", 0.0)),
        (21.0, events.StepEnded(0, "x", "succeeded", 0, 1.0)),
        (21.0, ended(21.0, 21.0, 20, 1.0)),
    ]
    told = verdict(made(happened))
    assert told.text.startswith("All content was fetched before the first step, in 20 s: 1.0 MiB/s")
    assert "when-needed" in told.advice[-1]


def test_a_fetch_that_found_nothing_says_why() -> None:
    ended = events.FetchEnded("failed", 0.1, 1, 0, 0, 0, "dp: GET http://dp/x was answered 404")
    told = verdict(made([(0.0, ended)]))
    assert told.text == "It failed: dp: GET http://dp/x was answered 404."


def test_a_fetch_is_judged_too() -> None:
    happened = [
        (0.0, events.PackageStarted("f.bin", 20 * MIB, 0)),
        *((1.0, failure("busy")) for _ in range(6)),
        (40.0, progress(dp=20.0)),
        (40.0, events.PackageReady("f.bin", "/there")),
        (40.0, events.FetchEnded("succeeded", 40.5, 0, 20 * MIB, 0, 0)),
    ]
    assert (
        verdict(made(happened)).text
        == "It took 40 s: endpoint dp failed 6 times (server asked for fewer requests)."
    )


def test_a_failed_run_says_what_to_do() -> None:
    told = verdict(made(failed_case()))
    assert told.text.startswith('Step 1 "Drivers" failed')
    assert told.advice == (
        "Publish the content at head-office, too, or leave it out of the settings.",
        "Check that branch runs and can be reached from here: dlcore doctor tries it.",
        "Then start it again: what was fetched and verified is kept, and not fetched again.",
    )


def test_a_step_whose_own_command_failed_blames_no_endpoint() -> None:
    happened = [
        (0.0, begins("x")),
        (0.5, failure("connect")),
        (1.0, events.StepStarted(0, "x", 0.0)),
        (2.0, events.StepEnded(0, "x", "failed", 5, 1.0, "exit code 5")),
        (2.0, events.RunEnded("failed", 2.0, 1.0, 1.0, "measured", 0.0, 0, 0, 0)),
    ]
    assert verdict(made(happened)).advice == ()
