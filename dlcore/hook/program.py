"""``dlcore-smsts``: the program that the task sequence variable ``SMSTSDownloadProgram`` names.

Guarantees: whatever happens, the process ends with an exit code that means what happened, and the
log has one line that says why a package is left to Windows' own downloader. A failure is final only
if the settings say so. No credential reaches the log.

Imports are late: the first line of the log is there before what a download needs is loaded.
"""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dlcore.cmtrace import Kind
from dlcore.errors import DlcoreError
from dlcore.hook.contract import DELIVERED, Call, Failure, failure, parse_call
from dlcore.hook.ending import EndingRequests
from dlcore.hook.environment import TaskSequenceEnvironment
from dlcore.hook.log import HookLog
from dlcore.hook.opening import open_environment
from dlcore.hook.settings import (
    CONFIG_VARIABLE,
    OTHER_CONFIG_VARIABLE,
    HookPolicy,
    log_folder,
    read_settings,
)
from dlcore.shortages import shortage_in

if TYPE_CHECKING:
    from dlcore.hook.serving import Serving

OUTCOME_VARIABLE = "DLCORE_HOOK_OUTCOME"
"""Task sequence variable that later steps can read: ``delivered``, or the code of what failed."""

Open = Callable[[Mapping[str, str]], TaskSequenceEnvironment]
Leave = Callable[[int], object]


class Program:
    """One run of the program.

    Args:
        version: Of dlcore.
        process: Environment variables of the process.
        open_environment: Opens the task sequence's variables.
        policy: The hook's constants.
        leave: Ends the process at once, with an exit code.
        make: Makes what serves the call; for tests.
        tell: Tells a person at the console, if there is one, why a package is not delivered.
    """

    def __init__(
        self,
        version: str,
        process: Mapping[str, str] = os.environ,
        *,
        open_environment: Open = open_environment,
        policy: HookPolicy | None = None,
        leave: Leave = os._exit,
        make: Callable[..., Serving] | None = None,
        tell: Callable[[str], object] = lambda text: None,
    ) -> None:
        self._version = version
        self._process = process
        self._open = open_environment
        self._policy = policy or HookPolicy()
        self._leave = leave
        self._make = make
        self._tell = tell
        self._environment: TaskSequenceEnvironment | None = None
        self._call: Call | None = None
        self._failure = Failure(1)
        self._log = HookLog(None, self._policy.max_log_bytes)
        self._is_told = False

    def run(self, arguments: Sequence[str]) -> int:
        """Serve a call.

        Args:
            arguments: Those behind the program's name.

        Returns:
            The exit code, as Windows means it.
        """
        with EndingRequests(self._end_at_once, self._policy.grace_s) as requests:
            return self._ended(arguments, requests)

    def _ended(self, arguments: Sequence[str], requests: EndingRequests) -> int:
        """Serve a call to its end, however it ends."""
        try:
            self._serve(arguments, requests)
        except Exception as error:
            known = error if isinstance(error, DlcoreError) else shortage_in(error)
            if not known:
                return self._failed("internal", _describe_unforeseen(error))
            return self._failed(known.code, f"{known.message.rstrip('.')}. {known.remedy}".rstrip())
        except BaseException as error:
            return self._failed("ended", f"the program was asked to end ({type(error).__name__})")
        self._note("delivered")
        return DELIVERED

    def _serve(self, arguments: Sequence[str], requests: EndingRequests) -> None:
        self._environment = self._open(self._process)
        self._log = HookLog(log_folder(self._environment), self._policy.max_log_bytes)
        self._failure = failure(self._environment)
        self._call = parse_call(arguments)
        self._log.write(
            f"dlcore {self._version}: package {self._call.package_id} is asked for, to"
            f" {self._call.destination}."
        )
        settings = read_settings(self._environment, self._process)
        if self._environment.get(OTHER_CONFIG_VARIABLE):
            self._log.write(
                f"{OTHER_CONFIG_VARIABLE} is not read: {CONFIG_VARIABLE} names the deployment file."
            )
        from dlcore.engine.delivery.deliveries import users_deliveries
        from dlcore.hook.serving import Serving

        serving = (self._make or Serving)(
            self._call,
            self._environment,
            settings,
            self._policy,
            self._log,
            users_deliveries(),
        )
        requests.run(serving.run)

    def _end_at_once(self) -> None:
        """End at once: it was asked to end and does not."""
        self._leave(self._failed("ended", "the program was asked to end, and left at once"))

    def _failed(self, code: str, reason: str) -> int:
        """Log the reason, and return the exit code."""
        if not self._is_told:
            self._is_told = True
            what = f"Package {self._call.package_id}" if self._call else "The package"
            status, is_final, note = self._failure
            becomes = "is not delivered" if is_final else "is left to Windows' own downloader"
            note = f" ({note})" if note else ""
            text = f"{what} {becomes}, exit code {status}{note}. Reason [{code}]: {reason}"
            self._log.write(text, Kind.ERROR if is_final else Kind.WARNING)
            self._tell(text)
            self._note(code)
        return self._failure.status

    def _note(self, outcome: str) -> None:
        """Tell later steps; a failure to do so is ignored."""
        if self._environment:
            with contextlib.suppress(Exception):
                self._environment.set(OUTCOME_VARIABLE, outcome)


def _describe_unforeseen(error: Exception) -> str:
    """What an error that dlcore did not foresee is, without its text, which may quote a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    told = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    return f"an error that dlcore does not know: {type(error).__name__}{where}{told}"
