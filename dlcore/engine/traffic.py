"""Keeps a client to what the schedule, the machine and its own user allow, as these change.

The wall clock is looked at twice a second, so that a window of the schedule begins and ends within
a second, also after the machine slept or its clock was set. The machine is asked now and then, and
only while nobody waits for what is fetched. Until it has answered once, or has let some seconds
pass (`machine_question`), nothing is fetched that it might hold up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol, TypeAlias

from dlcore.deployment import BackgroundSettings, BandwidthSchedule, WhenScarce
from dlcore.engine.events import Event, TrafficChanged
from dlcore.engine.machine_question import ANSWER_WITHIN_S, MachineQuestion
from dlcore.engine.traffic_rules import Answers, Pace, Rules, Urgency, Wish, rules
from dlcore.machine import Machine, answer_or_none
from dlcore.waiting import cancel_and_wait

LOOK_EVERY_S: Final = 0.5

WallClock: TypeAlias = Callable[[], datetime]


class Throttled(Protocol):
    """What downloads: `Downloads`."""

    def set_cap(self, cap_bytes_per_s: float) -> None:
        """Cap the bytes per second from all endpoints together; 0.0: no cap."""
        ...

    def set_background(self, *, is_on: bool) -> None:
        """Leave the link to other traffic, or use all of it."""
        ...

    def pause(self) -> None:
        """Ask for nothing until `resume`, and stop what is in flight."""
        ...

    def resume(self) -> None:
        """Go on after `pause`."""
        ...


def local_time() -> datetime:
    """The machine's wall clock."""
    return datetime.now().astimezone()


class Traffic:
    """The traffic of one client.

    Args:
        schedule: The bandwidth schedule.
        settings: When content that nobody waits for is not fetched.
        machine: Is asked about its network and its power.
        tell: Hears of every change.
        cap_bytes_per_s: The cap to begin with; 0.0: none.
        wall_clock: The machine's.
        answer_within_s: How long the machine's first answer is waited for, in seconds.
    """

    def __init__(
        self,
        schedule: BandwidthSchedule,
        settings: BackgroundSettings,
        machine: Machine,
        tell: Callable[[Event], None],
        cap_bytes_per_s: float = 0.0,
        wall_clock: WallClock = local_time,
        answer_within_s: float = ANSWER_WITHIN_S,
    ) -> None:
        self._schedule = schedule
        self._settings = settings
        self._machine = machine
        self._tell = tell
        self._wall_clock = wall_clock
        self._wish = Wish(cap_bytes_per_s=cap_bytes_per_s)
        self._rules = Rules(cap_bytes_per_s=cap_bytes_per_s)
        self._question = MachineQuestion(self._ask, answer_within_s)
        self._downloads: Throttled | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def rules(self) -> Rules:
        """What holds now."""
        return self._rules

    @property
    def urgency(self) -> Urgency:
        """How urgent the content is that is fetched."""
        return self._wish.urgency

    def limit(self, cap_bytes_per_s: float) -> None:
        """Cap all endpoints together; 0.0: no cap."""
        self._wants(self._wish._replace(cap_bytes_per_s=cap_bytes_per_s))

    def set_urgency(self, urgency: Urgency, *, is_told: bool = True) -> None:
        """Say how urgent the content is that is fetched.

        Args:
            urgency: How urgent it is.
            is_told: Whether listeners hear what changes by that.
        """
        self._wants(self._wish._replace(urgency=urgency), is_told=is_told)

    def pause(self, *, is_paused: bool) -> None:
        """Fetch nothing, or go on."""
        self._wants(self._wish._replace(is_paused=is_paused))

    def attach(self, downloads: Throttled) -> None:
        """Hold these downloads to the rules from now on, until `aclose`; in an event loop."""
        self._downloads = downloads
        self._rules = self._rules_now()
        self._pass_on()
        if self._rules.reason or self._rules.pace is Pace.BACKGROUND:
            self._say()
        self._watch_if_needed()

    async def aclose(self) -> None:
        """Let go of the downloads, and stop watching. Idempotent; `attach` starts over."""
        self._downloads = None
        task, self._task = self._task, None
        if task is not None:
            await cancel_and_wait([task])

    def _wants(self, wish: Wish, *, is_told: bool = True) -> None:
        self._wish = wish
        if self._downloads is not None:
            self._watch_if_needed()
            self._look(is_told=is_told)

    def _watch_if_needed(self) -> None:
        if self._task is None and (self._schedule or self._asks_machine):
            self._task = asyncio.ensure_future(self._watch())

    @property
    def _asks_machine(self) -> bool:
        """Whether the answers of the machine count."""
        may_pause = WhenScarce.PAUSE in (self._settings.on_metered, self._settings.on_battery)
        return may_pause and self._wish.urgency is not Urgency.AWAITED

    @property
    def _awaits_answers(self) -> bool:
        return self._asks_machine and self._question.answers is None

    async def _watch(self) -> None:
        while True:
            self._question.look(may_ask=self._asks_machine)
            self._look()
            await self._question.wait(LOOK_EVERY_S)

    def _ask(self) -> Answers:
        on_mains = answer_or_none(self._machine.is_on_mains)
        on_battery = None if on_mains is None else not on_mains
        return Answers(answer_or_none(self._machine.is_metered), on_battery)

    def _rules_now(self) -> Rules:
        window = self._schedule.at(self._wall_clock()) if self._schedule else None
        found = rules(self._wish, window, self._settings, self._question.answers or Answers())
        if self._awaits_answers:
            return found._replace(pace=Pace.PAUSED)
        return found

    def _look(self, *, is_told: bool = True) -> None:
        before, self._rules = self._rules, self._rules_now()
        if self._rules == before:
            return
        self._pass_on()
        is_another = (before.pace, before.reason) != (self._rules.pace, self._rules.reason)
        if is_told and is_another and not self._awaits_answers:
            self._say()

    def _pass_on(self) -> None:
        assert self._downloads is not None
        pace, cap_bytes_per_s, _ = self._rules
        self._downloads.set_cap(cap_bytes_per_s)
        self._downloads.set_background(is_on=pace is Pace.BACKGROUND)
        if pace is Pace.PAUSED:
            self._downloads.pause()
        else:
            self._downloads.resume()

    def _say(self) -> None:
        pace, cap_bytes_per_s, reason = self._rules
        if not reason and self._wish.urgency is Urgency.DUE:
            reason = "the deadline is near"
        self._tell(TrafficChanged(pace.value, cap_bytes_per_s, reason))
