"""Decides what is fetched next, from whom, and what a failure means.

PURE: bytes, times and failures go in as plain values, decisions come out. No I/O, no clock, no
event loop, no chance: the caller passes the time in seconds on any monotonic clock and a jitter
in ``[0, 1)``. So the same code is property-tested, and simulated against the lower bound.
"""

from __future__ import annotations

from dlcore.schedule.assignment import Assignment as Assignment
from dlcore.schedule.assignment import Note as Note
from dlcore.schedule.assignment import Strip as Strip
from dlcore.schedule.bound import Need as Need
from dlcore.schedule.bound import lower_bound_s as lower_bound_s
from dlcore.schedule.bound import without_overlap_s as without_overlap_s
from dlcore.schedule.planner import Planner as Planner
from dlcore.schedule.policy import Policy as Policy
from dlcore.schedule.tail import LOOK_S as LOOK_S
from dlcore.schedule.terms import Terms as Terms

__all__ = [
    "LOOK_S",
    "Assignment",
    "Need",
    "Note",
    "Planner",
    "Policy",
    "Strip",
    "Terms",
    "lower_bound_s",
    "without_overlap_s",
]
