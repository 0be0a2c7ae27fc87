"""What trials came to: the counts that must stay 0, and how much was tried."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MUST_BE_ZERO = (
    "wrong files",
    "fetched twice",
    "steps skipped",
    "steps repeated",
    "hangs",
    "wedges",
    "leaks",
)


@dataclass
class Tally:
    """The counts of one scenario.

    Attributes:
        trials: Number of trials.
        blows: Number of kills, losses of power, failed calls or flipped bits in them.
        begun_anew: Runs that were killed when all their steps had ended, and so were run once more.
        refused: Trials in which dlcore stopped with a documented error, as it may.
        reused_bytes: What the last command of each trial found on disk and did not fetch again.
        seconds: How long all trials took.
        moments: How many kills there were at each moment of a command.
        found: What must not be, by kind: each with the trial's number and what was seen.
    """

    trials: int = 0
    blows: int = 0
    begun_anew: int = 0
    refused: int = 0
    reused_bytes: int = 0
    seconds: float = 0.0
    moments: Counter[str] = field(default_factory=Counter)
    found: dict[str, list[str]] = field(default_factory=lambda: {k: [] for k in MUST_BE_ZERO})

    def note(self, kind: str, what: object) -> None:
        """Count something that must not be."""
        self.found[kind].append(f"trial {self.trials}: {what}")

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not any(self.found.values())


def table(tallies: dict[str, Tally]) -> str:
    """All counts, a scenario on each line, and then what was found."""
    columns = ("trials", "  blows", "blows/s", "started over", "refused", *MUST_BE_ZERO)
    lines = [" ".join([f"{'scenario':24}", *columns])]
    for name, tally in tallies.items():
        per_s = round(tally.blows / tally.seconds) if tally.seconds else 0
        told = (tally.trials, tally.blows, per_s, tally.begun_anew, tally.refused)
        counts = [*told, *map(len, tally.found.values())]
        cells = [f"{n:{len(column)}}" for n, column in zip(counts, columns, strict=True)]
        lines.append(" ".join([f"{name:24}", *cells]))
    for name, tally in tallies.items():
        lines += [f"{name}: {count:5} killed: {at}" for at, count in sorted(tally.moments.items())]
        lines += [f"{name}: {tally.reused_bytes} bytes reused"] if tally.reused_bytes else []
        for kind, notes in tally.found.items():
            lines += [f"{name}: {kind}: {note}" for note in notes[:5]]
    return "\n".join(lines)
