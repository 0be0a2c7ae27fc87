"""A run's timeline as a page for a browser, which needs nothing but itself."""

from dlcore.timeline.page.document import page_of

__all__ = ["page_of"]
