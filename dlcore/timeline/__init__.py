"""What happened when in a run, made of its events, and why the run took as long as it did. Pure."""

from dlcore.timeline.reasons import Reason, headline, reasons
from dlcore.timeline.timeline import Timeline, latest, timeline_of
from dlcore.timeline.verdict import Verdict, verdict

__all__ = [
    "Reason",
    "Timeline",
    "Verdict",
    "headline",
    "latest",
    "reasons",
    "timeline_of",
    "verdict",
]
