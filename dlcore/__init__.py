"""dlcore: downloads the packages of a task sequence on demand, verified, just before each step.

**The public API is what can be imported from here**, and `dlcore.sync`, which has the same calls
for programs without asyncio. Every other module is internal and may change at any time.

====================  ==========================================================================
run a task sequence   `Client`, `Session`, `run_sequence`, `preflight`, `plan`, `load_sequence`,
                      `load_deployment`, `Report`, `StepResult`
steps                 `Executor`, `Job`, `Inherited`, `StepParameters`, `Outcome`, `RestartNotice`,
                      `standard_executors`, `StepExecutors`, `SimulatingExecutor`, `PostAction`,
                      `DetachedPostAction`
fetch                 `fetch`, `fetch_many`, `FetchItem`, `FetchResult`, `Client.fetch`, `Access`,
                      `WebAccess`, `Retry`, `Terms`, `Fetched`, `SelectionSize`
ahead of time         `precache`, `content_of_sequence`, `preview_precache`, `Precached`, `Urgency`
publish and verify    `publish_folder`, `repair_published`, `verify_site`, `verify_tree`,
                      `load_manifest`
task sequences        `TaskSequence`, `Step`, `Group`, `Variables`, `Plan`
settings              `Deployment` and what it is made of, `EndpointSettings`, `parse_rate`
content               `Manifest`, `Object`, `File`, `Catalog`, `CatalogEntry`
events                `Event` and its subclasses, `encode_event`
a running agent       `AgentClient`, `Want`, `SequencePoint`, `Priority`, `AgentStatus`,
                      `PackageStatus`, `AgentEvent`
OpenTelemetry         `traced`, `RunSpans`
errors                `DlcoreError` and its subclasses, `Fault`
====================  ==========================================================================

What waits for a network is a coroutine: `fetch`, `fetch_many`, `preflight`, `run_sequence`, and the
methods of `Client` and `Session`. What only reads and writes files is a plain function that blocks;
call it in a thread (`asyncio.to_thread`) where that matters: `publish_folder`, `repair_published`,
`verify_site`, `verify_tree`, `plan` and the ``load_...`` functions.

`Client.hold`, `package_index`, `content`, `opened_content`, `stop_downloads`, `catalogs`, `judge`,
`bus`, `store`, `policy`, `renewals` and
`observe_exchanges`, and `Session.upcoming`, are internal too.

The rooms, each importing only what stands before it::

    errors        the whole hierarchy
    extras        what is installed on request
    waiting       waits that a cancellation does not cut short
    model         the vocabulary: packages, files, objects, blocks, ranges
    buckets       object stores: opened, signed for, read by their library
    disk          system calls, locks between processes, what a disk's errors mean
    native        hashing and writing of blocks, in C or in Python
    manifest      documents in and out
    tasksequence  exported XML -> steps, conditions, needs
    steps         what each type of step does when it runs
    deployment    settings of a deployment, preflight checks
    schedule      pure: deadlines, what is requested where, the makespan bound
    store         the only writer of content     transfer  the only client of the network
    trust         whose signatures vouch for a catalog
    publish       folder -> objects + manifest   emulator  a gateway for demo and tests
    engine        gates each step on its content
    agent         the background process that has content ready, and its local API
    timeline      what happened when in a run, and why it took so long
    telemetry     the same as spans of OpenTelemetry
    doctor        what keeps dlcore from working here
    cli           the command line               sync      the engine without asyncio
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlcore.agent.addresses import AgentAddress as AgentAddress
    from dlcore.agent.client import AgentClient as AgentClient
    from dlcore.agent.interface import AgentEvent as AgentEvent
    from dlcore.agent.interface import AgentStatus as AgentStatus
    from dlcore.agent.interface import Cause as Cause
    from dlcore.agent.interface import PackageState as PackageState
    from dlcore.agent.interface import PackageStatus as PackageStatus
    from dlcore.agent.interface import Priority as Priority
    from dlcore.agent.interface import SequencePoint as SequencePoint
    from dlcore.agent.interface import Trouble as Trouble
    from dlcore.agent.interface import Want as Want
    from dlcore.deployment import BackgroundSettings as BackgroundSettings
    from dlcore.deployment import BandwidthWindow as BandwidthWindow
    from dlcore.deployment import BoundaryGroup as BoundaryGroup
    from dlcore.deployment import BoundarySettings as BoundarySettings
    from dlcore.deployment import CacheSettings as CacheSettings
    from dlcore.deployment import CatalogSettings as CatalogSettings
    from dlcore.deployment import Check as Check
    from dlcore.deployment import CheckOutcome as CheckOutcome
    from dlcore.deployment import ClientSettings as ClientSettings
    from dlcore.deployment import ConditionSettings as ConditionSettings
    from dlcore.deployment import ContentSettings as ContentSettings
    from dlcore.deployment import Deployment as Deployment
    from dlcore.deployment import DeploymentOptions as DeploymentOptions
    from dlcore.deployment import Download as Download
    from dlcore.deployment import Fallback as Fallback
    from dlcore.deployment import Launch as Launch
    from dlcore.deployment import LaunchSettings as LaunchSettings
    from dlcore.deployment import StatedPackage as StatedPackage
    from dlcore.deployment import TransferSettings as TransferSettings
    from dlcore.deployment import TrustSettings as TrustSettings
    from dlcore.deployment import Undecided as Undecided
    from dlcore.deployment import WhenScarce as WhenScarce
    from dlcore.deployment import load_deployment as load_deployment
    from dlcore.deployment import parse_rate as parse_rate
    from dlcore.engine.client import Client as Client
    from dlcore.engine.documents.manifests import load_manifest as load_manifest
    from dlcore.engine.documents.republished import Republication as Republication
    from dlcore.engine.download.packages import Retry as Retry
    from dlcore.engine.events import AgentReturned as AgentReturned
    from dlcore.engine.events import BlockRejected as BlockRejected
    from dlcore.engine.events import BoundaryChanged as BoundaryChanged
    from dlcore.engine.events import CulpritFound as CulpritFound
    from dlcore.engine.events import DigestFromServer as DigestFromServer
    from dlcore.engine.events import DownloadRetried as DownloadRetried
    from dlcore.engine.events import EndpointAwaited as EndpointAwaited
    from dlcore.engine.events import EndpointBusy as EndpointBusy
    from dlcore.engine.events import EndpointDropped as EndpointDropped
    from dlcore.engine.events import EndpointNote as EndpointNote
    from dlcore.engine.events import EndpointProgress as EndpointProgress
    from dlcore.engine.events import EndpointRenewed as EndpointRenewed
    from dlcore.engine.events import Event as Event
    from dlcore.engine.events import FetchEnded as FetchEnded
    from dlcore.engine.events import PackageFailed as PackageFailed
    from dlcore.engine.events import PackagePatched as PackagePatched
    from dlcore.engine.events import PackageProgress as PackageProgress
    from dlcore.engine.events import PackageReady as PackageReady
    from dlcore.engine.events import PackageRepublished as PackageRepublished
    from dlcore.engine.events import PackageStarted as PackageStarted
    from dlcore.engine.events import PackageTruth as PackageTruth
    from dlcore.engine.events import Progress as Progress
    from dlcore.engine.events import RangeFailed as RangeFailed
    from dlcore.engine.events import RestartRequested as RestartRequested
    from dlcore.engine.events import RunBegan as RunBegan
    from dlcore.engine.events import RunEnded as RunEnded
    from dlcore.engine.events import RunSimulated as RunSimulated
    from dlcore.engine.events import RunStep as RunStep
    from dlcore.engine.events import StepEnded as StepEnded
    from dlcore.engine.events import StepInterrupted as StepInterrupted
    from dlcore.engine.events import StepRepeated as StepRepeated
    from dlcore.engine.events import StepSkipped as StepSkipped
    from dlcore.engine.events import StepStarted as StepStarted
    from dlcore.engine.events import StepWaiting as StepWaiting
    from dlcore.engine.events import TrafficChanged as TrafficChanged
    from dlcore.engine.events import WaitingForAgent as WaitingForAgent
    from dlcore.engine.events import WaitingForNetwork as WaitingForNetwork
    from dlcore.engine.events import encode as _encode_event
    from dlcore.engine.fetching.access import Access as Access
    from dlcore.engine.fetching.call import FetchItem as FetchItem
    from dlcore.engine.fetching.fetch import fetch as fetch
    from dlcore.engine.fetching.fetch_into import Fetched as Fetched
    from dlcore.engine.fetching.fetch_into import SelectionSize as SelectionSize
    from dlcore.engine.fetching.fetch_many import FetchResult as FetchResult
    from dlcore.engine.fetching.fetch_many import fetch_many as fetch_many
    from dlcore.engine.outcomes import RateOrigin as RateOrigin
    from dlcore.engine.outcomes import RunOutcome as RunOutcome
    from dlcore.engine.outcomes import SkipReason as SkipReason
    from dlcore.engine.outcomes import StepOutcome as StepOutcome
    from dlcore.engine.precache import Precached as Precached
    from dlcore.engine.precache import PrecachedPackage as PrecachedPackage
    from dlcore.engine.precache import SequenceContent as SequenceContent
    from dlcore.engine.precache import content_of_sequence as content_of_sequence
    from dlcore.engine.precache import precache as precache
    from dlcore.engine.precache_preview import preview_precache as preview_precache
    from dlcore.engine.preflight_facts import preflight as preflight
    from dlcore.engine.running.report import Report as Report
    from dlcore.engine.running.resume import Resume as Resume
    from dlcore.engine.running.run import run_sequence as run_sequence
    from dlcore.engine.running.session import Session as Session
    from dlcore.engine.running.state import StepResult as StepResult
    from dlcore.engine.traffic_rules import Pace as Pace
    from dlcore.engine.traffic_rules import Rules as _TrafficRules
    from dlcore.engine.traffic_rules import Urgency as Urgency
    from dlcore.engine.unpublished import Unpublished as Unpublished
    from dlcore.errors import AgentError as AgentError
    from dlcore.errors import AuthError as AuthError
    from dlcore.errors import ConfigError as ConfigError
    from dlcore.errors import ContentBehindProxyError as ContentBehindProxyError
    from dlcore.errors import ContentNotFoundError as ContentNotFoundError
    from dlcore.errors import ContentRefusedError as ContentRefusedError
    from dlcore.errors import ContentUnprovenServerError as ContentUnprovenServerError
    from dlcore.errors import DeadlineError as DeadlineError
    from dlcore.errors import DiskFullError as DiskFullError
    from dlcore.errors import DlcoreError as DlcoreError
    from dlcore.errors import DocumentError as DocumentError
    from dlcore.errors import ExhaustedError as ExhaustedError
    from dlcore.errors import Fault as Fault
    from dlcore.errors import IntegrityError as IntegrityError
    from dlcore.errors import InternalError as InternalError
    from dlcore.errors import LockedError as LockedError
    from dlcore.errors import ManifestError as ManifestError
    from dlcore.errors import NotFoundError as NotFoundError
    from dlcore.errors import OwnershipError as OwnershipError
    from dlcore.errors import PreflightError as PreflightError
    from dlcore.errors import ProxyAuthError as ProxyAuthError
    from dlcore.errors import RunStateError as RunStateError
    from dlcore.errors import RunStateFault as RunStateFault
    from dlcore.errors import ShortageError as ShortageError
    from dlcore.errors import StepError as StepError
    from dlcore.errors import StorageError as StorageError
    from dlcore.errors import TaskSequenceError as TaskSequenceError
    from dlcore.errors import TlsError as TlsError
    from dlcore.errors import TransferError as TransferError
    from dlcore.errors import TrustError as TrustError
    from dlcore.errors import TrustFault as TrustFault
    from dlcore.errors import UnexpectedContentError as UnexpectedContentError
    from dlcore.model import Catalog as Catalog
    from dlcore.model import CatalogEntry as CatalogEntry
    from dlcore.model import EndpointKind as EndpointKind
    from dlcore.model import EndpointSettings as EndpointSettings
    from dlcore.model import File as File
    from dlcore.model import Manifest as Manifest
    from dlcore.model import Object as Object
    from dlcore.model import WebAccess as WebAccess
    from dlcore.publish import Progress as _PublishProgress
    from dlcore.publish import Published as Published
    from dlcore.publish import Repaired as Repaired
    from dlcore.publish import SiteFault as SiteFault
    from dlcore.publish import SiteReport as SiteReport
    from dlcore.publish import Stage as _PublishStage
    from dlcore.publish import Wrong as _SiteWrong
    from dlcore.publish import publish as _publish_folder
    from dlcore.publish import repair as _repair_published
    from dlcore.publish import verify_site as verify_site
    from dlcore.schedule import Terms as Terms
    from dlcore.steps.installed import ExecutorContext as ExecutorContext
    from dlcore.steps.interface import Executor as Executor
    from dlcore.steps.interface import Inherited as Inherited
    from dlcore.steps.interface import Job as Job
    from dlcore.steps.interface import Outcome as Outcome
    from dlcore.steps.interface import RestartNotice as RestartNotice
    from dlcore.steps.post_action import DetachedPostAction as DetachedPostAction
    from dlcore.steps.post_action import PostAction as PostAction
    from dlcore.steps.registry import StepExecutors as StepExecutors
    from dlcore.steps.registry import standard_executors as standard_executors
    from dlcore.steps.setup_runner import SetupRunner as SetupRunner
    from dlcore.steps.setup_runner import StandInSetup as StandInSetup
    from dlcore.steps.simulation import SimulatingExecutor as SimulatingExecutor
    from dlcore.steps.upgrade import UpgradeOperatingSystem as UpgradeOperatingSystem
    from dlcore.store import Bad as _BadFile
    from dlcore.store import Reason as _BadReason
    from dlcore.store import verify_tree as verify_tree
    from dlcore.tasksequence import Group as Group
    from dlcore.tasksequence import Plan as Plan
    from dlcore.tasksequence import PlannedStep as PlannedStep
    from dlcore.tasksequence import Runs as Runs
    from dlcore.tasksequence import Step as Step
    from dlcore.tasksequence import StepParameters as StepParameters
    from dlcore.tasksequence import TaskSequence as TaskSequence
    from dlcore.tasksequence import Unexplained as Unexplained
    from dlcore.tasksequence import Unresolved as Unresolved
    from dlcore.tasksequence import UnresolvedNeed as UnresolvedNeed
    from dlcore.tasksequence import Variables as Variables
    from dlcore.tasksequence import load as _load_sequence
    from dlcore.tasksequence import plan as plan
    from dlcore.telemetry import RunSpans as RunSpans
    from dlcore.telemetry import traced as traced

    encode_event = _encode_event
    publish_folder = _publish_folder
    repair_published = _repair_published
    SiteWrong = _SiteWrong
    BadFile = _BadFile
    PublishProgress = _PublishProgress
    PublishStage = _PublishStage
    BadReason = _BadReason
    load_sequence = _load_sequence
    TrafficRules = _TrafficRules

# Module -> its public names, each with ``:`` and the name it has here if that differs.
_PUBLIC = {
    "agent.addresses": "AgentAddress",
    "agent.client": "AgentClient",
    "agent.interface": (
        "AgentEvent AgentStatus Cause PackageState PackageStatus Priority SequencePoint Trouble "
        "Want"
    ),
    "deployment": (
        "BackgroundSettings BandwidthWindow BoundaryGroup BoundarySettings CacheSettings "
        "CatalogSettings Check CheckOutcome ClientSettings ConditionSettings ContentSettings "
        "Deployment DeploymentOptions Download "
        "Fallback Launch LaunchSettings StatedPackage TransferSettings TrustSettings "
        "Undecided WhenScarce "
        "load_deployment parse_rate"
    ),
    "engine.fetching.access": "Access",
    "engine.client": "Client",
    "engine.download.downloads": "Retry",
    "engine.events": (
        "AgentReturned BlockRejected BoundaryChanged CulpritFound DigestFromServer "
        "DownloadRetried EndpointAwaited EndpointBusy "
        "EndpointDropped EndpointNote EndpointProgress EndpointRenewed Event FetchEnded "
        "PackageFailed PackagePatched PackageProgress PackageReady PackageRepublished "
        "PackageStarted Progress RangeFailed RestartRequested RunBegan RunEnded RunSimulated "
        "RunStep StepEnded StepInterrupted StepRepeated StepSkipped StepStarted StepWaiting "
        "PackageTruth TrafficChanged "
        "WaitingForAgent WaitingForNetwork encode:encode_event"
    ),
    "engine.fetching.fetch": "fetch",
    "engine.fetching.fetch_into": "Fetched SelectionSize",
    "engine.fetching.fetch_many": "FetchResult fetch_many",
    "engine.preflight_facts": "preflight",
    "engine.documents.manifests": "load_manifest",
    "engine.outcomes": "RateOrigin RunOutcome SkipReason StepOutcome",
    "engine.fetching.call": "FetchItem",
    "engine.precache": ("Precached PrecachedPackage SequenceContent content_of_sequence precache"),
    "engine.precache_preview": "preview_precache",
    "engine.running.report": "Report",
    "engine.documents.republished": "Republication",
    "engine.unpublished": "Unpublished",
    "engine.running.resume": "Resume",
    "engine.running.run": "run_sequence",
    "engine.running.session": "Session",
    "engine.running.state": "StepResult",
    "engine.traffic_rules": "Pace Rules:TrafficRules Urgency",
    "errors": (
        "AgentError AuthError ConfigError ContentBehindProxyError ContentNotFoundError "
        "ContentRefusedError ContentUnprovenServerError DeadlineError "
        "DiskFullError DlcoreError DocumentError ExhaustedError Fault IntegrityError "
        "InternalError LockedError ManifestError NotFoundError OwnershipError PreflightError "
        "ProxyAuthError RunStateError RunStateFault ShortageError StepError StorageError "
        "TaskSequenceError TlsError TransferError TrustError TrustFault UnexpectedContentError"
    ),
    "model": "Catalog CatalogEntry EndpointKind EndpointSettings File Manifest Object WebAccess",
    "publish": (
        "Progress:PublishProgress Published Repaired SiteFault SiteReport Stage:PublishStage "
        "Wrong:SiteWrong publish:publish_folder repair:repair_published verify_site"
    ),
    "schedule": "Terms",
    "steps.installed": "ExecutorContext",
    "steps.interface": "Executor Inherited Job Outcome RestartNotice",
    "steps.post_action": "DetachedPostAction PostAction",
    "steps.registry": "StepExecutors standard_executors",
    "steps.setup_runner": "SetupRunner StandInSetup",
    "steps.simulation": "SimulatingExecutor",
    "steps.upgrade": "UpgradeOperatingSystem",
    "store": "Bad:BadFile Reason:BadReason verify_tree",
    "tasksequence": (
        "Group Plan PlannedStep Runs Step StepParameters TaskSequence Unexplained Unresolved "
        "UnresolvedNeed Variables load:load_sequence plan"
    ),
    "telemetry": "RunSpans traced",
}
_HOMES = {
    entry.rpartition(":")[2]: (module, entry.partition(":")[0])
    for module, entries in _PUBLIC.items()
    for entry in entries.split()
}

__version__ = "0.1.0"
__all__ = sorted(_HOMES)


# Source: Python's logging HOWTO, "Configuring Logging for a Library".
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that ``dlcore --help`` need not import all."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    found: object = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
