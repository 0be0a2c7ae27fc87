"""What all tests share: nothing is written to the user's own folders."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Records of deliveries go to a temporary folder, those of child processes too."""
    with pytest.MonkeyPatch.context() as patch:
        home = str(tmp_path_factory.mktemp("state-home"))
        patch.setenv("XDG_STATE_HOME", home)  # Linux
        patch.setenv("LOCALAPPDATA", home)  # Windows
        yield
