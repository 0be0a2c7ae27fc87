"""What the next steps of a client's task sequence need, by the engine's own foresight."""

from __future__ import annotations

from typing import Final

from msgspec import structs

from dlcore.agent.interface import SequencePoint, Want
from dlcore.engine.client import Client
from dlcore.engine.running.built_in_variables import initial_variables, merged
from dlcore.engine.running.lookahead import Lookahead, look_ahead
from dlcore.errors import TaskSequenceError
from dlcore.tasksequence import Variables, read, without_commands

SOURCE: Final = "the client's sequence"


def as_kept(want: Want) -> Want:
    """A want as it is kept on disk and shown: without the arguments of command lines.

    Look-ahead does not need them, and there may be passwords among them. It takes some
    time for a long sequence: call it in a thread.

    Raises:
        TaskSequenceError: The document is malformed.
    """
    if want.sequence is None:
        return want
    document = without_commands(want.sequence.document, SOURCE)
    return structs.replace(want, sequence=structs.replace(want.sequence, document=document))


def look_ahead_from(point: SequencePoint, client: Client) -> Lookahead:
    """Find the packages of the steps from a point on. It may ask this machine: call it in a thread.

    Args:
        point: The sequence, and where it stands. Its variables count more than the deployment's.
        client: Its deployment and machine answer what the variables do not.

    Raises:
        TaskSequenceError: The document is malformed, or is shorter than the position says.
    """
    sequence = read(point.document.encode("utf-8", "surrogatepass"), source=SOURCE)
    if point.position > len(sequence.steps):
        raise TaskSequenceError(
            f"the client's sequence has {len(sequence.steps)} steps, and is at step"
            f" {point.position}",
            remedy="Count its steps from 0. Those in groups count; the groups themselves do not.",
        )
    variables = merged(
        initial_variables(sequence, client.deployment, client.state, client.machine),
        Variables(point.variables),
    )
    return look_ahead(sequence, point.position, variables, client.judge(), {})
