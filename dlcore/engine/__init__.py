"""Runs a task sequence: gates each step on its content, and survives a restart.

The way through the room: `client` opens everything; `session` gates steps on content, ordered by
`lookahead` with the verdicts of `judge`; `content` begins packages, which `download` fetches;
`run` is a whole run: its `runner` takes the steps in turn with an `executor`, its `state` is kept
on disk, and it ends with a `report`. `gather` asks what preflight has to know; `fetch` gets one
package outside any sequence.
"""

from dlcore.engine.client import Client as Client
from dlcore.engine.commands import CommandExecutor as CommandExecutor
from dlcore.engine.executor import Executor as Executor
from dlcore.engine.executor import Outcome as Outcome
from dlcore.engine.executor import SimulatingExecutor as SimulatingExecutor
from dlcore.engine.gather import preflight as preflight
from dlcore.engine.report import Report as Report
from dlcore.engine.run import run_sequence as run_sequence
from dlcore.engine.session import Session as Session
