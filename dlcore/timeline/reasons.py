"""Why a run took as long as it did, in sentences for people.

Guarantees: everything follows from the timeline. What is said first cost most, or explains most.
Names come from documents and settings as they are: whoever shows a sentence makes it safe.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence

import msgspec

from dlcore.engine.numbers_for_people import amount, counted, duration, moment
from dlcore.engine.outcomes import RateOrigin
from dlcore.errors import Fault
from dlcore.timeline.agent_waits import away_in_words
from dlcore.timeline.bandwidth import (
    Sample,
    came_between,
    length_s,
    mean_bytes_per_s,
    silent_s,
)
from dlcore.timeline.cost import cost_told
from dlcore.timeline.endpoints import EndpointTimes
from dlcore.timeline.faults import faults_in_words, in_words
from dlcore.timeline.packages import PackageTimes
from dlcore.timeline.steps import Doing, Period, StepTimes
from dlcore.timeline.timeline import Timeline

MAX_STALLS = 3  # of the longest ones: the picture has the others
MIN_STALL_SHARE = 0.02  # of the run: what is shorter does not explain why it was slow
MIN_STALL_S = 0.05  # below, a wait is the time that looking takes
MIN_SILENCE_S = 2.0
SLOW = 0.25  # of the rate of the fastest endpoint
MIN_BUSY_S = 1.0  # before the rate of an endpoint is compared
NEAR_BOUND = 1.05
MOST = 0.9  # of the run: nearly all of it
STEPS_ALONE = "The steps themselves took nearly all of the time: faster downloads would not help."
GAIN = 0.9  # a better bound is told of if it is that much shorter


class ReasonKind(enum.StrEnum):
    """What a reason is about."""

    STALL = "stall"
    ENDPOINT = "endpoint"
    LINK = "link"
    STEP = "step"
    WAIT = "wait"


class Reason(msgspec.Struct, frozen=True):
    """One reason.

    Attributes:
        kind: What it is about.
        text: One sentence.
        details: More sentences about the same.
    """

    kind: ReasonKind
    text: str
    details: tuple[str, ...] = ()


def headline(timeline: Timeline) -> str:
    """How long the run took, and on what it spent that time."""
    took = f"It took {duration(timeline.duration_s)}"
    if not timeline.outcome and timeline.steps:
        took = f"Its record ends after {duration(timeline.length_s)}"
    if not any(step.periods for step in timeline.steps):
        return f"{took}."
    ran = f"{took}: steps ran for {duration(timeline.run_s)}, and"
    if timeline.stall_s < MIN_STALL_S:
        return f"{ran} hardly waited for their content."
    share = timeline.stall_s / timeline.duration_s if timeline.duration_s else 0.0
    waited = duration(timeline.stall_s)
    return f"{ran} waited for their content for {waited} ({share:.0%})."


def reasons(timeline: Timeline) -> tuple[Reason, ...]:
    """Why it took so long: what cost most comes first."""
    return (
        *failures(timeline),
        *_stalls(timeline),
        *_endpoints(timeline),
        *_waits(timeline),
        *_link(timeline),
        *_longest_step(timeline),
    )


def failures(timeline: Timeline) -> Iterator[Reason]:
    """The steps and packages that failed."""
    for step in timeline.steps:
        if step.outcome == "failed":
            why = sentence(step.why or "no reason told")
            yield Reason(ReasonKind.STEP, f"{called(step)} failed: {why}")
    told = [step.why for step in timeline.steps if step.outcome == "failed"]
    for package in timeline.packages:
        if package.outcome == "failed" and not any(package.message in why for why in told):
            called_so = "Package " if timeline.steps else ""  # what is fetched alone may be a file
            text = f"{called_so}{package.package} could not be fetched: {sentence(package.message)}"
            yield Reason(ReasonKind.WAIT, text)


# What steps waited for


def _stalls(timeline: Timeline) -> Iterator[Reason]:
    shortest_s = max(MIN_STALL_S, MIN_STALL_SHARE * timeline.duration_s)
    stalled = sorted(timeline.steps, key=lambda step: -step.stall_s)
    for step in stalled[:MAX_STALLS]:
        if step.stall_s > shortest_s:
            yield _stall(timeline, step)


def _stall(timeline: Timeline, step: StepTimes) -> Reason:
    packages = {package.package: package for package in timeline.packages}
    waits = [period for period in step.periods if period.doing is Doing.WAITED]
    longest = [name for name, _ in sorted(step.waits_s.items(), key=lambda wait: -wait[1]) if name]
    longest = longest or list(step.packages)  # which of them, is told when the step starts
    what = " and ".join(longest[:2]) + (f" and {len(longest) - 2} more" if longest[2:] else "")
    there = (_there(packages[name], waits[0].begin_s) for name in longest[:1] if name in packages)
    return Reason(
        ReasonKind.STALL,
        f"{called(step)} waited {duration(step.stall_s)} for {what or 'its content'}.",
        (*filter(None, there), *_meanwhile(timeline, waits)),
    )


def _there(package: PackageTimes, moment_s: float) -> str:
    """How much of a package was there when the wait for it began."""
    if not package.content_bytes:
        return ""
    verified, length = amount(package.verified_at(moment_s)), amount(package.content_bytes)
    return f"When that wait began, {verified} of the {length} of {package.package} were there."


def _meanwhile(timeline: Timeline, waits: list[Period]) -> Iterator[str]:
    """What came while a step waited, and from where; measured once a second, so not exactly."""
    came, silence_s = dict[str, float](), 0.0
    for wait in waits:
        for name, count in came_between(timeline.samples, wait.begin_s, wait.end_s).items():
            came[name] = came.get(name, 0.0) + count
        silence_s += silent_s(timeline.samples, wait.begin_s, wait.end_s)
    wait_s = sum(wait.length_s for wait in waits)
    came = {name: count for name, count in came.items() if count}
    if came and wait_s:
        by_rate = sorted(came.items(), key=lambda item: -item[1])
        rates = ", ".join(f"{name} {amount(count / wait_s)}/s" for name, count in by_rate)
        yield f"Meanwhile about {amount(sum(came.values()))} came: {rates}."
    if silence_s >= MIN_SILENCE_S:
        yield f"For {duration(silence_s)} of that time nothing came at all."


# What endpoints did


def _endpoints(timeline: Timeline) -> Iterator[Reason]:
    best = fastest(timeline)
    for own in timeline.endpoints:
        bad_blocks = own.faults.get(Fault.CORRUPT.value, 0)
        if bad_blocks or own.quarantined_s is not None:
            yield _wrong_content(own, bad_blocks, timeline)
        if own.failures > bad_blocks:
            yield _failing(own, own.failures - bad_blocks, timeline)
        if best and is_slow(own, best):
            yield _slow(own, best, timeline.received_bytes)


def fastest(timeline: Timeline) -> EndpointTimes | None:
    """The endpoint that others are compared with; None if none was asked for long enough."""
    compared = filter(_is_comparable, timeline.endpoints)
    return max(compared, key=lambda own: own.bytes_per_s, default=None)


def is_slow(own: EndpointTimes, best: EndpointTimes) -> bool:
    """Whether an endpoint was much slower than the fastest one."""
    if own.failures and not own.received_bytes:
        return False  # it failed, and was not slow
    return _is_comparable(own) and own.bytes_per_s < SLOW * best.bytes_per_s


def _is_comparable(own: EndpointTimes) -> bool:
    return own.quarantined_s is None and own.busy_s >= MIN_BUSY_S


def _wrong_content(own: EndpointTimes, bad_blocks: int, timeline: Timeline) -> Reason:
    text = (
        f"Endpoint {own.name} served content that does not match its digest "
        f"({counted(bad_blocks, 'bad block')})"
    )
    details = ["Nothing of that was kept.", *cost_told(own)]
    if own.quarantined_s is not None:
        since = moment(own.quarantined_s, timeline.length_s)
        text += f"; from {since} on it was asked only for what no other one had"
        details += _loss(timeline.samples, own.quarantined_s)
    return Reason(ReasonKind.ENDPOINT, f"{text}.", tuple(details))


def _loss(samples: Sequence[Sample], moment_s: float) -> Iterator[str]:
    """What an endpoint's end meant for the others, if both times are long enough to tell."""
    busy = [sample for sample in samples if sample.bytes_per_s]
    before = [sample for sample in busy if sample.end_s <= moment_s]
    after = [sample for sample in busy if sample.begin_s >= moment_s]
    if min(map(length_s, (before, after))) >= MIN_BUSY_S:
        yield (
            f"Before, all endpoints together brought {amount(mean_bytes_per_s(before))}/s; after "
            f"it, {amount(mean_bytes_per_s(after))}/s."
        )


def _failing(own: EndpointTimes, failures: int, timeline: Timeline) -> Reason:
    faults = {fault: n for fault, n in own.faults.items() if fault != Fault.CORRUPT.value}
    ways = in_words(next(iter(faults))) if len(faults) == 1 else faults_in_words(faults)
    text = f"Endpoint {own.name} failed {counted(failures, 'time')}{f' ({ways})' if ways else ''}"
    dropped = [mark for mark in own.marks if mark.kind == "dropped"]
    if dropped:
        text += f", and was not asked any more from {moment(dropped[0].at_s, timeline.length_s)} on"
    details = [f"Last: {sentence(own.marks[-1].text)}"] if own.marks else []
    details += cost_told(own)
    return Reason(ReasonKind.ENDPOINT, f"{text}.", tuple(details))


def _slow(own: EndpointTimes, best: EndpointTimes, of_bytes: int) -> Reason:
    return Reason(
        ReasonKind.ENDPOINT,
        f"Endpoint {own.name} was slow: {amount(own.bytes_per_s)}/s, where {best.name} brought "
        f"{amount(best.bytes_per_s)}/s.",
        (f"It brought {amount(own.received_bytes)} of {amount(of_bytes)}.",),
    )


# What else took time


def _waits(timeline: Timeline) -> Iterator[Reason]:
    for package in timeline.packages:
        if package.retries:
            text = (
                f"No endpoint was left for {package.package}: all were asked again "
                f"{counted(package.retries, 'time')}, after {duration(package.retry_s)} of waiting."
            )
            yield Reason(ReasonKind.WAIT, text)
    if timeline.network_wait_s:
        text = f"No endpoint could be reached: {duration(timeline.network_wait_s)} of waiting."
        yield Reason(ReasonKind.WAIT, text)
    if away := away_in_words(timeline.agent_waits, timeline.length_s):
        yield Reason(ReasonKind.WAIT, f"{away[0].upper()}{away[1:]}.")


def _link(timeline: Timeline) -> Iterator[Reason]:
    if timeline.cap_bytes_per_s:
        text = f"Downloads were capped at {amount(timeline.cap_bytes_per_s)}/s by a setting."
        yield Reason(ReasonKind.LINK, text)
    ending = timeline.ending
    if ending is None or timeline.outcome == "failed":  # how fast it failed does not matter
        return
    if not ending.bytes_fetched and timeline.run_s > MOST * timeline.duration_s:
        yield Reason(ReasonKind.LINK, STEPS_ALONE)
    if not (ending.bytes_fetched and ending.link_bytes_per_s):
        return
    is_given = ending.link_rate == RateOrigin.GIVEN
    link = f"Over a link of {amount(ending.link_bytes_per_s)}/s" if is_given else "Over this link"
    text = (
        f"{link}, no order of the downloads could have ended before {duration(timeline.bound_s)}."
    )
    if timeline.bound_s > timeline.duration_s:
        text = (
            f"The settings say that the link brings {amount(ending.link_bytes_per_s)}/s, and it "
            "brought more."
        )
    yield Reason(ReasonKind.LINK, text, tuple(_gains(timeline)))


def _gains(timeline: Timeline) -> Iterator[str]:
    if timeline.run_s > MOST * timeline.duration_s:
        yield STEPS_ALONE
    elif timeline.duration_s < NEAR_BOUND * timeline.bound_s:
        yield (
            "The run came near to that: another order of the downloads would not help, only faster "
            "endpoints, a faster link, or less content."
        )
    best = timeline.best_bytes_per_s
    best_bound_s = timeline.bound_at_s(best) if best else timeline.bound_s
    if best_bound_s < GAIN * timeline.duration_s:
        yield (
            f"At {amount(best)}/s, which this run reached at times, it could have taken "
            f"{duration(best_bound_s)}."
        )


def _longest_step(timeline: Timeline) -> Iterator[Reason]:
    longest = max(timeline.steps, key=lambda step: step.run_s, default=None)
    if longest and longest.run_s > timeline.duration_s / 4:
        text = f"{called(longest)} ran for {duration(longest.run_s)}, longer than any other step."
        yield Reason(ReasonKind.STEP, text)


def sentence(text: str) -> str:
    """A message as the end of a sentence, which it may have ended itself."""
    return text if text.endswith((".", "!", "?", "\N{HORIZONTAL ELLIPSIS}")) else f"{text}."


def called(step: StepTimes, *, capital: bool = True) -> str:
    """What sentences call a step."""
    return f'{"Step" if capital else "step"} {step.index} "{step.name}"'
