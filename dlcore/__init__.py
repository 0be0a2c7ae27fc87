"""dlcore: downloads the packages of a task sequence on demand, verified, just before each step.

The layers, each importing only what stands before it::

    errors      the whole hierarchy
    model       the vocabulary: packages, files, objects, blocks, ranges
    disk        system calls, locks between processes, what a disk's errors mean
    native      hashing and writing of blocks, in C or in Python
    manifest    documents in and out
    tasksequence  exported XML -> steps, conditions, needs
    deployment  settings of a deployment, preflight checks
    schedule    pure: deadlines, which range goes where, the makespan bound
    store       the only writer of content     transfer  the only client of the network
    publish     folder -> objects + manifest   emulator  a gateway for demo and tests
    engine      gates each step on its content
    cli         the command line               sync      the engine without asyncio

What is listed in ``__all__`` is the public API; it is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlcore.engine.client import Client as Client
    from dlcore.engine.commands import CommandExecutor as CommandExecutor
    from dlcore.engine.events import Event as Event
    from dlcore.engine.executor import Executor as Executor
    from dlcore.engine.executor import Outcome as Outcome
    from dlcore.engine.executor import SimulatingExecutor as SimulatingExecutor
    from dlcore.engine.gather import preflight as preflight
    from dlcore.engine.report import Report as Report
    from dlcore.engine.run import run_sequence as run_sequence
    from dlcore.engine.session import Session as Session
    from dlcore.errors import DlcoreError as DlcoreError
    from dlcore.publish import publish as publish_folder
    from dlcore.schedule import Terms as Terms
    from dlcore.store import verify_tree as verify_tree
    from dlcore.tasksequence import load as load_sequence

# Public name -> module, and its name there where that differs.
_HOMES = {
    "Client": "engine.client",
    "CommandExecutor": "engine.commands",
    "DlcoreError": "errors",
    "Event": "engine.events",
    "Executor": "engine.executor",
    "Outcome": "engine.executor",
    "Report": "engine.report",
    "Session": "engine.session",
    "SimulatingExecutor": "engine.executor",
    "Terms": "schedule",
    "load_sequence": "tasksequence:load",
    "preflight": "engine.gather",
    "publish_folder": "publish:publish",
    "run_sequence": "engine.run",
    "verify_tree": "store",
}

__version__ = "0.1.0"

__all__ = [
    "Client",
    "CommandExecutor",
    "DlcoreError",
    "Event",
    "Executor",
    "Outcome",
    "Report",
    "Session",
    "SimulatingExecutor",
    "Terms",
    "load_sequence",
    "preflight",
    "publish_folder",
    "run_sequence",
    "verify_tree",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that ``dlcore --help`` need not import all."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    found: object = getattr(importlib.import_module(f"{__name__}.{module}"), attribute or name)
    globals()[name] = found
    return found
