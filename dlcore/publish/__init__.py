"""Publishes folders as packages, into a folder or an object store, for endpoints to serve."""

from __future__ import annotations

from dlcore.publish.publishing import Progress, Published, Stage, publish

__all__ = ["Progress", "Published", "Stage", "publish"]
