"""A clock that moves when a test tells it to, for stall timers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(eq=False)
class Timer:
    """What `asyncio.TimerHandle` is to one who may cancel it."""

    when_s: float
    callback: Callable[[], object]
    clock: Clock

    def cancel(self) -> None:
        if self in self.clock.timers:
            self.clock.timers.remove(self)


@dataclass
class Clock:
    """As much of an event loop as a `StallTimer` needs."""

    now_s: float = 0.0
    timers: list[Timer] = field(default_factory=list)

    def time(self) -> float:
        return self.now_s

    def call_at(self, when_s: float, callback: Callable[[], object]) -> Timer:
        self.timers.append(Timer(when_s, callback, self))
        return self.timers[-1]

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        return self.call_at(self.now_s + delay_s, callback)

    def pass_by(self, seconds: float) -> None:
        """Let time pass, and call what is due then."""
        self.now_s += seconds
        for timer in [timer for timer in self.timers if timer.when_s <= self.now_s]:
            timer.cancel()
            timer.callback()
