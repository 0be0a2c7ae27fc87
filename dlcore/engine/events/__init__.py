"""What the engine tells its listeners, as typed events: all of them are named here.

An event is a statement about something that has happened; nothing waits for a listener. Encoded
as JSON (`encode`) an event is one object with the member ``event``; members are only ever added.
A new event goes into the file that tells of its matter, and is named here and in `dlcore`.
"""

from __future__ import annotations

from dlcore.engine.events.content import (
    BlockRejected,
    CulpritFound,
    DigestFromServer,
    DownloadRetried,
    PackageFailed,
    PackagePatched,
    PackageReady,
    PackageRepublished,
    PackageStarted,
    PackageTruth,
    RangeFailed,
    TrafficChanged,
)
from dlcore.engine.events.endpoints import (
    BoundaryChanged,
    EndpointAwaited,
    EndpointBusy,
    EndpointDropped,
    EndpointNote,
    EndpointRenewed,
)
from dlcore.engine.events.event import Event, encode
from dlcore.engine.events.progress import EndpointProgress, PackageProgress, Progress
from dlcore.engine.events.runs import (
    AgentReturned,
    FetchEnded,
    RunBegan,
    RunEnded,
    RunSimulated,
    RunStep,
    WaitingForAgent,
    WaitingForNetwork,
)
from dlcore.engine.events.steps import (
    RestartRequested,
    StepEnded,
    StepInterrupted,
    StepRepeated,
    StepSkipped,
    StepStarted,
    StepWaiting,
)

__all__ = [
    "AgentReturned",
    "BlockRejected",
    "BoundaryChanged",
    "CulpritFound",
    "DigestFromServer",
    "DownloadRetried",
    "EndpointAwaited",
    "EndpointBusy",
    "EndpointDropped",
    "EndpointNote",
    "EndpointProgress",
    "EndpointRenewed",
    "Event",
    "FetchEnded",
    "PackageFailed",
    "PackagePatched",
    "PackageProgress",
    "PackageReady",
    "PackageRepublished",
    "PackageStarted",
    "PackageTruth",
    "Progress",
    "RangeFailed",
    "RestartRequested",
    "RunBegan",
    "RunEnded",
    "RunSimulated",
    "RunStep",
    "StepEnded",
    "StepInterrupted",
    "StepRepeated",
    "StepSkipped",
    "StepStarted",
    "StepWaiting",
    "TrafficChanged",
    "WaitingForAgent",
    "WaitingForNetwork",
    "encode",
]
