"""Whether the process of a run has ended, so that no step works in its packages any more."""

from __future__ import annotations

import logging
from pathlib import Path

from dlcore.disk.faults import guarded
from dlcore.errors import DlcoreError, LockedError
from dlcore.long_path import rooted
from dlcore.store.lock import check_no_run_goes_on

_log = logging.getLogger(__name__)


def no_run_goes_on(state: Path) -> bool:
    """Whether no process runs a task sequence in a state directory.

    What cannot be found out counts as a run that goes on: its step may be writing.

    Args:
        state: The state directory.
    """
    try:
        with guarded("look at the lock of the run", state):
            check_no_run_goes_on(rooted(state))
    except LockedError:
        return False
    except DlcoreError as error:
        _log.warning("cannot find out whether a run is under way: %s", error.message)
        return False
    return True
