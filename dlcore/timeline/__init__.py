"""What happened when in a run, made of its events, and why the run took as long as it did. Pure."""

from dlcore.timeline.reasons import Reason, headline, reasons
from dlcore.timeline.timeline import Timeline, timeline_of

__all__ = ["Reason", "Timeline", "headline", "reasons", "timeline_of"]
