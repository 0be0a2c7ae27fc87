from __future__ import annotations

from tests.azurite import azurite

__all__ = ["azurite"]
