"""The generated pages."""

from __future__ import annotations

from collections.abc import Callable

from tests.docs.blocks import ROOT
from tests.docs.reference import commands, errors, library, metrics, settings

FOLDER = ROOT / "docs" / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "commands": commands.page,
    "errors": errors.page,
    "library": library.page,
    "metrics": metrics.page,
    "settings": settings.page,
}
