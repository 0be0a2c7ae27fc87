"""What all tests share: nothing is written to the user's own folders, and where tests can run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

import tests.seeds  # noqa: F401  # it is taken out of the environment
from tests.depth import IS_DEEP
from tests.medium import not_waited_for

# The same examples at each run, however slow the machine is; fewer where each takes long.
settings.register_profile("steady", derandomize=True, deadline=None, database=None)
settings.register_profile("fewer", settings.get_profile("steady"), max_examples=30)
settings.load_profile("fewer" if sys.platform == "win32" else "steady")


def is_wine() -> bool:
    """Whether this is a Python for Windows under Wine, which is not Windows in every respect."""
    if sys.platform != "win32":
        return False
    import ctypes

    return hasattr(ctypes.windll.ntdll, "wine_get_version")  # gitlab.winehq.org/wine/wine/-/wikis


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what the markers say cannot run on this system, for the reason that they give."""
    skipped = {"posix_only": sys.platform == "win32", "wine_cannot": is_wine()}
    for item in items:
        for name, here in skipped.items():
            for marker in item.iter_markers(name):
                reason = marker.kwargs["reason"]  # demanded of each marker
                if here:
                    item.add_marker(pytest.mark.skip(reason=f"{name}: {reason}"))


@pytest.fixture(scope="session", autouse=True)
def _own_state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Records of deliveries go to a temporary folder, and no configuration file is read.

    The same holds for child processes.
    """
    with pytest.MonkeyPatch.context() as patch:
        home = str(tmp_path_factory.mktemp("state-home"))
        patch.setenv("XDG_STATE_HOME", home)  # Linux
        patch.setenv("LOCALAPPDATA", home)  # Windows
        config = str(tmp_path_factory.mktemp("config-home"))
        patch.setenv("XDG_CONFIG_HOME", config)
        patch.setenv("APPDATA", config)
        yield


@pytest.fixture(scope="session", autouse=True)
def _quick_syncs() -> Iterator[None]:
    """Thousands of syncs would take minutes, most of all where other tests write meanwhile."""
    with contextlib.nullcontext() if IS_DEEP else not_waited_for():
        yield
