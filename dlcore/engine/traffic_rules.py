"""How much of the link may be used now: by what is wanted, the schedule, and the machine. Pure."""

from __future__ import annotations

import enum
from typing import NamedTuple

from dlcore.deployment import BackgroundSettings, BandwidthWindow, WhenScarce


class Urgency(enum.Enum):
    """How urgent the content is that a client fetches."""

    AWAITED = "awaited"
    """Somebody waits for it, or soon will: it may use the whole link, whatever that costs."""

    DUE = "due"
    """Nobody waits for it yet, but its time is near: the whole link, if that costs nothing."""

    SPARE = "spare"
    """It has time: what other traffic leaves, if that costs nothing."""


class Pace(enum.StrEnum):
    """How content is fetched now."""

    FOREGROUND = "foreground"
    """As fast as the link and the caps allow."""

    BACKGROUND = "background"
    """Only what other traffic leaves unused."""

    PAUSED = "paused"
    """Not at all."""


class Answers(NamedTuple):
    """What the machine says; None where it cannot tell.

    Attributes:
        is_metered: Whether its network is paid for by volume.
        on_battery: Whether it runs on its battery.
    """

    is_metered: bool | None = None
    on_battery: bool | None = None


class Wish(NamedTuple):
    """What whoever uses the client asked for.

    Attributes:
        urgency: How urgent it is.
        cap_bytes_per_s: The highest rate of all endpoints together; 0.0: no cap.
        is_paused: Whether nothing is to be fetched.
    """

    urgency: Urgency = Urgency.AWAITED
    cap_bytes_per_s: float = 0.0
    is_paused: bool = False


class Rules(NamedTuple):
    """What holds.

    Attributes:
        pace: How content is fetched.
        cap_bytes_per_s: The highest rate of all endpoints together; 0.0: no cap.
        reason: Why it is not as whoever uses the client asked for; empty if it is.
    """

    pace: Pace = Pace.FOREGROUND
    cap_bytes_per_s: float = 0.0
    reason: str = ""


def rules(
    wish: Wish, window: BandwidthWindow | None, settings: BackgroundSettings, answers: Answers
) -> Rules:
    """Bring together what is wanted and what is allowed.

    Args:
        wish: What is wanted.
        window: What the bandwidth schedule says now; None: nothing.
        settings: When content that nobody waits for is not fetched.
        answers: What the machine says. What it cannot tell holds nothing up.
    """
    if wish.is_paused:
        return Rules(Pace.PAUSED)
    if window and window.rate_bytes_per_s == 0:
        return Rules(Pace.PAUSED, 0.0, f"the bandwidth schedule allows nothing ({window})")
    if wish.urgency is not Urgency.AWAITED:
        if answers.is_metered and settings.on_metered is WhenScarce.PAUSE:
            return Rules(Pace.PAUSED, 0.0, "the network is metered")
        if answers.on_battery and settings.on_battery is WhenScarce.PAUSE:
            return Rules(Pace.PAUSED, 0.0, "the machine runs on its battery")
    is_background = wish.urgency is Urgency.SPARE or bool(window and window.background)
    caps = [wish.cap_bytes_per_s, float((window and window.rate_bytes_per_s) or 0)]
    cap = min(filter(None, caps), default=0.0)
    pace = Pace.BACKGROUND if is_background else Pace.FOREGROUND
    return Rules(pace, cap, f"the bandwidth schedule ({window})" if window else "")
