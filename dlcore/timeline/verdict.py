"""Why it took so long, in one sentence, and what to do about it.

Guarantees: everything follows from the timeline. The sentence names the cause if there is one; the
reasons below it say more. Names come from documents and settings as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from dlcore.engine.numbers_for_people import amount, counted, duration, moment
from dlcore.errors import Fault
from dlcore.timeline.agent_waits import away_in_words
from dlcore.timeline.bandwidth import came_between
from dlcore.timeline.endpoints import EndpointTimes
from dlcore.timeline.faults import in_words
from dlcore.timeline.reasons import (
    MIN_STALL_S,
    MIN_STALL_SHARE,
    NEAR_BOUND,
    called,
    failures,
    fastest,
    is_slow,
    sentence,
)
from dlcore.timeline.steps import Doing, Period
from dlcore.timeline.timeline import Timeline

MAX_CAUSES: Final = 3  # the reasons have the others
MIN_FAILURES: Final = 3  # of an endpoint that is asked on: fewer cost little
NEAR_CAP: Final = 0.8
MIN_FETCH_S: Final = 2.0  # in a shorter one, looking for the content takes much of the time

FETCH_MEANWHILE: Final = (
    'Let content come while steps run: download = "when-needed" in the settings.'
)
_WHAT_TO_DO: Final = {
    Fault.CONNECT: "Check that {0} runs and can be reached from here: dlcore doctor tries it.",
    Fault.TLS: "Check the certificate of {0}, and the authorities that this computer trusts.",
    Fault.AUTH: "Check the token or signature for {0}.",
    Fault.NOT_FOUND: "Publish the content at {0}, too, or leave it out of the settings.",
    Fault.BUSY: "Allow {0} fewer connections, or have its server allow more.",
}
_OTHERWISE: Final = "Look into the log of the server of {0}, or leave it out of the settings."


class Verdict(msgspec.Struct, frozen=True):
    """The most important of what is to be said.

    Attributes:
        text: One sentence.
        advice: What to do about it, sentence by sentence; empty if nothing needs to be done.
    """

    text: str
    advice: tuple[str, ...] = ()


class _Cause(NamedTuple):
    text: str
    advice: str


def verdict(timeline: Timeline) -> Verdict:
    """Why a run or a fetch failed, or else took as long as it did."""
    failure = next(failures(timeline), None) if timeline.outcome == "failed" else None
    if failure:
        return Verdict(failure.text, tuple(_after_failure(timeline)))
    if timeline.fetched and timeline.fetched.message:
        text = f"It failed: {sentence(timeline.fetched.message)}"
        return Verdict(text, tuple(_after_failure(timeline)))
    waits = [
        period for step in timeline.steps for period in step.periods if period.doing is Doing.WAITED
    ]
    shortest_s = max(MIN_STALL_S, MIN_STALL_SHARE * timeline.duration_s)
    if not timeline.steps:
        waits = [Period(Doing.WAITED, 0.0, timeline.length_s)]
    elif timeline.before_s > max(shortest_s, timeline.stall_s):
        waits = [Period(Doing.WAITED, 0.0, timeline.before_s)]
    elif timeline.stall_s <= shortest_s:
        return _unhindered(timeline)
    causes = list(_causes(timeline, waits))[:MAX_CAUSES]
    if not causes:
        causes = [_link(timeline, waits)]
    told = "; ".join(filter(None, (cause.text for cause in causes)))
    advice = dict.fromkeys(filter(None, (cause.advice for cause in causes)))
    if timeline.before_s > max(shortest_s, timeline.stall_s):
        lead = f"All content was fetched before the first step, in {duration(timeline.before_s)}"
        advice[FETCH_MEANWHILE] = None
    else:
        lead = _lead(timeline)
    return Verdict(f"{lead}: {told}." if told else f"{lead}.", tuple(advice))


def _after_failure(timeline: Timeline) -> Iterator[str]:
    """What to do about a failure; nothing if only the step's own command failed."""
    if not any(package.outcome == "failed" for package in timeline.packages):
        return
    yield from dict.fromkeys(cause.advice for cause in _failures_of_endpoints(timeline, 1))
    if timeline.received_bytes:
        yield "Then start it again: what was fetched and verified is kept, and not fetched again."


def _unhindered(timeline: Timeline) -> Verdict:
    if not timeline.run_s:
        return Verdict("No step has run.")
    return Verdict(
        f"Content held no step up: the steps themselves ran for {duration(timeline.run_s)}."
    )


def _lead(timeline: Timeline) -> str:
    stalled = [step for step in timeline.steps if step.stall_s > MIN_STALL_S]
    if not stalled:
        return f"It took {duration(timeline.duration_s)}"
    longest = max(stalled, key=lambda step: step.stall_s)
    waits = sorted(longest.waits_s.items(), key=lambda wait: -wait[1])
    awaited = next((f" for {name}" for name, _ in waits if name), "")
    if len(stalled) == 1:
        return f"{called(longest)} waited {duration(longest.stall_s)}{awaited}"
    return (
        f"Steps waited {duration(timeline.stall_s)} for their content, most of all "
        f"{called(longest, capital=False)} ({duration(longest.stall_s)}{awaited})"
    )


def _causes(timeline: Timeline, waits: Sequence[Period]) -> Iterator[_Cause]:
    """Whatever somebody can do something about; what costs most comes first."""
    if timeline.network_wait_s:
        yield _Cause(
            f"no endpoint could be reached for {duration(timeline.network_wait_s)}",
            "Check the network of this computer; dlcore doctor tries each endpoint.",
        )
    if away := away_in_words(timeline.agent_waits, timeline.length_s):
        yield _Cause(away, "Find out from the agent's log why it ended or did not answer.")
    yield from _failures_of_endpoints(timeline, MIN_FAILURES)
    best = fastest(timeline)
    for own in timeline.endpoints:
        if best and is_slow(own, best):
            yield _Cause(
                f"endpoint {own.name} brought only {amount(own.bytes_per_s)}/s, where {best.name} "
                f"brought {amount(best.bytes_per_s)}/s",
                f"Find out why {own.name} is slow, or leave it out of the settings.",
            )
    if _is_capped(timeline, waits):
        yield _Cause(
            f"a setting caps downloads at {amount(timeline.cap_bytes_per_s)}/s",
            "Raise the cap if the network allows it.",
        )


def _failures_of_endpoints(timeline: Timeline, min_failures: int) -> Iterator[_Cause]:
    for own in timeline.endpoints:
        bad_blocks = own.faults.get(Fault.CORRUPT.value, 0)
        if bad_blocks or own.quarantined_s is not None:
            yield _wrong_content(own, timeline)
        is_dropped = any(mark.kind == "dropped" for mark in own.marks)
        others = own.failures - bad_blocks
        if others >= min_failures or (is_dropped and others > 0):
            yield _failing(own, others)


def _wrong_content(own: EndpointTimes, timeline: Timeline) -> _Cause:
    text = f"endpoint {own.name} served content that does not match its digest"
    if own.quarantined_s is not None:
        since = moment(own.quarantined_s, timeline.length_s)
        text += f", and from {since} on was asked only for what no other had"
    return _Cause(
        text, f"Publish the content at {own.name} again, or leave it out of the settings."
    )


def _failing(own: EndpointTimes, count: int) -> _Cause:
    faults = {fault: n for fault, n in own.faults.items() if fault != Fault.CORRUPT.value}
    most = max(faults, key=lambda fault: faults[fault], default="")
    what_to_do = next((_WHAT_TO_DO[fault] for fault in _WHAT_TO_DO if fault == most), _OTHERWISE)
    ways = f" ({in_words(most)})" if most else ""
    return _Cause(
        f"endpoint {own.name} failed {counted(count, 'time')}{ways}", what_to_do.format(own.name)
    )


def _is_capped(timeline: Timeline, waits: Sequence[Period]) -> bool:
    return 0 < NEAR_CAP * timeline.cap_bytes_per_s <= _rate_bytes_per_s(timeline, waits)


def _rate_bytes_per_s(timeline: Timeline, waits: Sequence[Period]) -> float:
    """What came in some times, from all endpoints together."""
    length_s = sum(wait.length_s for wait in waits)
    came = (came_between(timeline.samples, wait.begin_s, wait.end_s) for wait in waits)
    return sum(sum(each.values()) for each in came) / length_s if length_s else 0.0


def _link(timeline: Timeline, waits: Sequence[Period]) -> _Cause:
    """Without a cause: it is as fast as the link, or as the order of the downloads."""
    rate = _rate_bytes_per_s(timeline, waits)
    if not rate or (not timeline.steps and timeline.duration_s < MIN_FETCH_S):
        return _Cause("nothing held it up", "")
    advice = ""
    if timeline.ending and timeline.duration_s < NEAR_BOUND * timeline.bound_s:
        advice = "Only faster endpoints, a faster link, or less content would help."
    return _Cause(f"{amount(rate)}/s came from all endpoints together", advice)
