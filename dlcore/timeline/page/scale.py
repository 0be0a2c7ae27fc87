"""The horizontal axis: where a moment of the run is drawn, and which moments are named."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from dlcore.engine.numbers_for_people import MAX_LENGTH_WITH_TENTHS_S, moment

MAX_TICKS: Final = 8  # as many labels as fit side by side on a telephone
_STEPS_S: Final = (
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14400,
    43200,
)
_DAY_S: Final = 86400


class Scale:
    """The axis of one run.

    Args:
        length_s: Of the run.
        resumptions_s: When another process went on with it.
    """

    def __init__(self, length_s: float, resumptions_s: tuple[float, ...] = ()) -> None:
        self.length_s = max(length_s, 1e-3)
        self.resumptions_s = resumptions_s

    def share(self, at_s: float) -> float:
        """Where a moment is: 0.0 at the beginning, 1.0 at the end."""
        return min(1.0, max(0.0, at_s / self.length_s))

    def percent(self, at_s: float) -> str:
        """Where a moment is, as a percentage for SVG."""
        return f"{100 * self.share(at_s):.3f}%"

    def width(self, begin_s: float, end_s: float) -> str:
        """How wide a time is; never so narrow that it cannot be seen."""
        return f"{max(0.25, 100 * (self.share(end_s) - self.share(begin_s))):.3f}%"

    def ticks(self) -> list[float]:
        """The moments that are named."""
        step_s = self._step_s()
        return [float(n * step_s) for n in range(int(self.length_s / step_s) + 1)]

    def times(self) -> list[tuple[float, float]]:
        """The times between the moments that are named; a short rest at the end is left out."""
        ticks = self.ticks()
        if len(ticks) > 1 and self.length_s - ticks[-1] < self._step_s() / 2:
            ticks.pop()
        return list(pairwise([*ticks, self.length_s]))

    def tick(self, at_s: float) -> str:
        """A moment that is named, in words: without tenths where all of them are whole seconds."""
        return self.told(at_s) if self._step_s() < 1 else moment(at_s, MAX_LENGTH_WITH_TENTHS_S)

    def told(self, at_s: float) -> str:
        """A moment in words."""
        return moment(at_s, self.length_s)

    def _step_s(self) -> float:
        step_s = next((s for s in _STEPS_S if self.length_s / s <= MAX_TICKS), 0)
        return step_s or _DAY_S * (1 + int(self.length_s / (_DAY_S * MAX_TICKS)))
