"""The variables by the COM object of Windows, with a stand-in for it under Wine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcore.hook.environment import EnvironmentUnavailableError
from dlcore.hook.opening import open_environment
from tests.conftest import is_wine
from tests.hook.executable import CODE, agent_stopped_afterwards, write_variables
from tests.hook.scene import FIRST, INI, HookScene, tree

pytestmark = pytest.mark.skipif(
    not is_wine(), reason="registers a stand-in for an object of Windows: only under Wine"
)

if sys.platform == "win32":
    from dlcore.hook.com_environment import ComEnvironment, is_registered
    from tests.hook import com_stand_in

    @pytest.fixture
    def variables(scene: HookScene) -> Iterator[Path]:
        """The file of the variables that the object gives."""
        path = write_variables(scene)
        com_stand_in.register(str(path))
        yield path
        com_stand_in.unregister()

    @pytest.mark.usefixtures("variables")
    def test_variables_are_read_and_set_by_the_object() -> None:
        assert is_registered()
        environment = open_environment({})
        assert isinstance(environment, ComEnvironment)
        assert environment.get("_smstscurrentactionname") == "Drivers"
        assert environment.get("not set") == ""
        environment.set("DLCORE_HOOK_OUTCOME", "Grüße")
        assert environment.get("DLCORE_HOOK_OUTCOME") == "Grüße"
        assert "_SMSTSTaskSequence" in environment.names()
        environment.set("DLCORE_HOOK_OUTCOME", "")
        assert "DLCORE_HOOK_OUTCOME" not in environment.names()

    def test_a_machine_without_the_object_has_no_task_sequence() -> None:
        assert not is_registered()
        with pytest.raises(EnvironmentUnavailableError, match=r"cannot be used \(0x[0-9A-F]{8}\)"):
            ComEnvironment()

    @pytest.mark.usefixtures("variables")
    def test_the_program_serves_a_task_sequence_by_the_object(scene: HookScene) -> None:
        command = [sys.executable, "-c", CODE, INI, FIRST, str(scene.destination)]
        with agent_stopped_afterwards(scene):
            done = subprocess.run(command, env=os.environ, timeout=110, check=False)
        assert done.returncode == 0, scene.log()
        assert tree(scene.destination) == tree(scene.source())
        assert "for the agent" in scene.log(), scene.lines()
