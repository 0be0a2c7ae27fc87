"""Reports how a run ended until the caller has taken it, and starts once what it leaves behind.

A run that has ended, or waits for a restart, stays on disk until its outcome was taken. If the
process dies before that, the next one tells the outcome again, and runs no step. A restart that has
happened meanwhile is not told again: the run goes on.
"""

from __future__ import annotations

import logging
from pathlib import Path

from dlcore.engine.outcomes import RunOutcome
from dlcore.engine.running.run_keeper import RunKeeper
from dlcore.engine.running.state import RunState
from dlcore.engine.running.work_folders import work_folder
from dlcore.errors import StorageError
from dlcore.steps.post_action import POST_ACTION, PostAction
from dlcore.tasksequence import Variables
from dlcore.waiting import to_the_end

_log = logging.getLogger(__name__)


class RunEnding:
    """The end of one run.

    Args:
        state: The state directory.
        run: Where the run stands.
        keeper: Keeps it on disk.
        variables: Task sequence variables.
        boot_id: Of the machine's present boot; empty if the system does not tell.
        post_action: Starts what the run leaves behind; None: nothing is started.
    """

    def __init__(
        self,
        state: Path,
        run: RunState,
        keeper: RunKeeper,
        variables: Variables,
        *,
        boot_id: str,
        post_action: PostAction | None,
    ) -> None:
        self._state = state
        self._run = run
        self._keeper = keeper
        self._variables = variables
        self._boot_id = boot_id
        self._post_action = post_action
        self._is_taken = False

    def earlier(self) -> RunOutcome | None:
        """The outcome that an earlier process came to, and nobody took; None: the run goes on."""
        if self._run.restart and self._run.restart.is_due(self._boot_id):
            _log.warning("the run waits for a restart of the machine; no step runs before it")
            return RunOutcome.RESTART
        if not self._run.has_ended:
            return None
        _log.warning("the run had ended before; no step runs again")
        return RunOutcome.FAILED if self._run.has_failed else RunOutcome.SUCCEEDED

    async def take(self, outcome: RunOutcome) -> None:
        """The caller was told the outcome. Idempotent.

        A run that has ended is forgotten, and its post action is started then: if that restarts the
        machine at once, the run is not found again. A disk that fails is logged.
        """
        if self._is_taken:
            return
        self._is_taken = True
        await to_the_end(self._take(outcome))  # nobody comes back to what it leaves behind

    async def _take(self, outcome: RunOutcome) -> None:
        try:
            if outcome is RunOutcome.RESTART:
                await self._keeper.take_restart()
                return
            await self._keeper.forget()
        except StorageError as error:
            _log.warning("the next run will report this one's outcome again: %s", error.message)
            return
        self._start_post_action()

    def _start_post_action(self) -> None:
        line = self._variables.get(POST_ACTION, "")
        if line and self._post_action:
            self._post_action.start(line, self._variables, work_folder(self._state))
        elif line:
            _log.warning("%s is not started: the caller starts none", POST_ACTION)
