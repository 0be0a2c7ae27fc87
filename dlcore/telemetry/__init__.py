"""Runs and fetches as spans of OpenTelemetry (the extra ``otel``).

Off unless somebody asks for it; nothing of OpenTelemetry is imported before that. The only importer
of OpenTelemetry.
"""

from __future__ import annotations

from dlcore.extras import require

require("otel")

from dlcore.telemetry.spans import RunSpans  # noqa: E402  # the extra must be there
from dlcore.telemetry.tracing import traced  # noqa: E402

__all__ = ["RunSpans", "traced"]
