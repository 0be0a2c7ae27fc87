"""Decides what is fetched next, from which endpoint, and what a failure means.

PURE and sans-I/O: bytes, times and failures go in as plain values, and every input returns the
events that follow. No I/O, no clock, no event loop, no randomness: the caller passes the time in
seconds on any monotonic clock, and a jitter in ``[0, 1)``. So the same code is property-tested,
and simulated against the lower bound.
"""

from __future__ import annotations

from dlcore.schedule.background import BackgroundWindow as BackgroundWindow
from dlcore.schedule.background_policy import BackgroundPolicy as BackgroundPolicy
from dlcore.schedule.backoff import backoff_s as backoff_s
from dlcore.schedule.buffer_length import buffer_length as buffer_length
from dlcore.schedule.interface import Scheduler as Scheduler
from dlcore.schedule.makespan import StepLoad as StepLoad
from dlcore.schedule.makespan import lower_bound_of_arrivals_s as lower_bound_of_arrivals_s
from dlcore.schedule.makespan import lower_bound_s as lower_bound_s
from dlcore.schedule.makespan import without_overlap_s as without_overlap_s
from dlcore.schedule.mixed_blocks import ChecksumOf as ChecksumOf
from dlcore.schedule.mixed_blocks import Culprit as Culprit
from dlcore.schedule.mixed_blocks import MixedBlocks as MixedBlocks
from dlcore.schedule.mixed_blocks import RejectedBlock as RejectedBlock
from dlcore.schedule.policy import Policy as Policy
from dlcore.schedule.scheduler import DeadlineScheduler as DeadlineScheduler
from dlcore.schedule.types import Answer as Answer
from dlcore.schedule.types import BlockRejected as BlockRejected
from dlcore.schedule.types import CopyBlocks as CopyBlocks
from dlcore.schedule.types import EndpointChange as EndpointChange
from dlcore.schedule.types import EndpointChanged as EndpointChanged
from dlcore.schedule.types import Event as Event
from dlcore.schedule.types import Events as Events
from dlcore.schedule.types import ObjectRejected as ObjectRejected
from dlcore.schedule.types import PackageComplete as PackageComplete
from dlcore.schedule.types import PackageExhausted as PackageExhausted
from dlcore.schedule.types import Portion as Portion
from dlcore.schedule.types import Request as Request
from dlcore.schedule.types import RequestCancelled as RequestCancelled
from dlcore.schedule.types import RequestNumber as RequestNumber
from dlcore.schedule.types import RequestShortened as RequestShortened
from dlcore.schedule.types import Span as Span
from dlcore.schedule.types import SplitBlockDropped as SplitBlockDropped
from dlcore.schedule.types import SplitBlockFilled as SplitBlockFilled
from dlcore.schedule.types import StartKept as StartKept
from dlcore.schedule.types import Terms as Terms

__all__ = [
    "Answer",
    "BackgroundPolicy",
    "BackgroundWindow",
    "BlockRejected",
    "ChecksumOf",
    "CopyBlocks",
    "Culprit",
    "DeadlineScheduler",
    "EndpointChange",
    "EndpointChanged",
    "Event",
    "Events",
    "MixedBlocks",
    "ObjectRejected",
    "PackageComplete",
    "PackageExhausted",
    "Policy",
    "Portion",
    "RejectedBlock",
    "Request",
    "RequestCancelled",
    "RequestNumber",
    "RequestShortened",
    "Scheduler",
    "Span",
    "SplitBlockDropped",
    "SplitBlockFilled",
    "StartKept",
    "StepLoad",
    "Terms",
    "backoff_s",
    "buffer_length",
    "lower_bound_of_arrivals_s",
    "lower_bound_s",
    "without_overlap_s",
]
