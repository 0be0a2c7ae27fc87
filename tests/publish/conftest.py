from __future__ import annotations

from hypothesis import settings

from tests.azurite import azurite

__all__ = ["azurite"]

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
