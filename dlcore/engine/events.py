"""What the engine tells its listeners, as typed events.

An event is a statement about something that has happened; nothing waits for a listener. Encoded
as JSON (`encode`) an event is one object with the member ``event``; members are only ever added.
"""

from __future__ import annotations

import msgspec


class Event(msgspec.Struct, frozen=True, tag_field="event", tag=True):
    """Base of all events."""


class PackageStarted(Event, frozen=True):
    """A package's download began, or went on from what an earlier run left.

    Attributes:
        package: Its id.
        content_bytes: Length of all its files.
        reused_bytes: Verified bytes that were on disk already.
    """

    package: str
    content_bytes: int
    reused_bytes: int


class PackageReady(Event, frozen=True):
    """A package is complete and verified.

    Attributes:
        package: Its id.
        path: The folder with its files. A fetch moves it to its place afterwards.
    """

    package: str
    path: str


class PackagePatched(Event, frozen=True):
    """Content of a package was taken from older versions; only the rest is fetched.

    Attributes:
        package: Its id.
        kept_bytes: Verified bytes that older files have as they are.
        patched_bytes: Verified bytes that were made of older files, by patches or under other
            names.
    """

    package: str
    kept_bytes: int
    patched_bytes: int


class PackageFailed(Event, frozen=True):
    """A package could not be completed; what was verified of it stays on disk.

    Attributes:
        package: Its id.
        message: Why, endpoint by endpoint.
    """

    package: str
    message: str


class BlockRejected(Event, frozen=True):
    """A block did not match its digest; it is missing again.

    Attributes:
        package: Id of the package.
        object_name: Name of the object.
        block: Number of the block in the object.
        endpoint: The endpoint that served it; empty if several did, and none is blamed.
    """

    package: str
    object_name: str
    block: int
    endpoint: str


class RangeFailed(Event, frozen=True):
    """A request failed, or an object that has only one digest did not match it.

    Attributes:
        package: Id of the package.
        endpoint: The endpoint that failed; empty if several served an object that did not match.
        fault: The kind of failure (see ``dlcore.errors.Fault``).
        message: What happened, in words.
    """

    package: str
    endpoint: str
    fault: str
    message: str


class EndpointDropped(Event, frozen=True):
    """An endpoint is not asked any more, until a download retry.

    If ``fault`` is ``corrupt``, it is quarantined for the rest of the run: it is asked only for
    what no other endpoint has.

    Attributes:
        endpoint: Its name.
        fault: How it failed last (see ``dlcore.errors.Fault``).
    """

    endpoint: str
    fault: str


class EndpointNote(Event, frozen=True):
    """The scheduler decided something about an endpoint.

    Attributes:
        endpoint: Its name.
        what: One of `dlcore.schedule.EndpointChange`.
        reason: Why, in words.
    """

    endpoint: str
    what: str
    reason: str


class EndpointBusy(Event, frozen=True):
    """An endpoint asked for time before it tells what it holds.

    Attributes:
        endpoint: Its name.
        wait_s: Seconds until it is asked again.
    """

    endpoint: str
    wait_s: float


class EndpointRenewed(Event, frozen=True):
    """A credential or signed locations were renewed.

    Attributes:
        endpoint: Its name.
        what: ``token``, ``locations``, ``signature`` or ``login``.
        reason: ``expiring`` or ``rejected``.
    """

    endpoint: str
    what: str
    reason: str


class DigestFromServer(Event, frozen=True):
    """Nobody named the digest of a file, so it is verified against what its own server says.

    Attributes:
        endpoint: Name of the server.
        sha256: What it says, hex; empty if a Metalink has other digests.
    """

    endpoint: str
    sha256: str


class EndpointAwaited(Event, frozen=True):
    """An endpoint did not tell what it holds; it is asked again later.

    Attributes:
        endpoint: Its name.
        wait_s: Seconds until it is asked again.
        message: What it failed with.
    """

    endpoint: str
    wait_s: float
    message: str


class DownloadRetried(Event, frozen=True):
    """No endpoint is left for a package; all are asked again later.

    Attributes:
        package: Its id.
        attempt: Which retry it will be; the first is 1.
        of: The most retries there will be; 999999 for as many as there is time for.
        delay_s: Seconds until then.
        left_s: For how many seconds it will be asked again; None if only ``of`` bounds that.
    """

    package: str
    attempt: int
    of: int
    delay_s: float
    left_s: float | None = None


class EndpointProgress(msgspec.Struct, frozen=True):
    """What is going on at one endpoint.

    Attributes:
        connections: Requests in flight.
        rate_bytes_per_s: Recent bytes per second.
        received_bytes: Payload bytes received since this process began.
        failures: Failed requests and bad blocks since this process began.
        busy_s: Seconds since this process began in which at least one request was in flight.
        max_connections: The most requests in flight at once since this process began.
    """

    connections: int
    rate_bytes_per_s: float
    received_bytes: int = 0
    failures: int = 0
    busy_s: float = 0.0
    max_connections: int = 0


class PackageProgress(msgspec.Struct, frozen=True):
    """How far one package is.

    Attributes:
        verified_bytes: Bytes of it on disk and verified.
        content_bytes: Length of all its files.
    """

    verified_bytes: int
    content_bytes: int


class Progress(Event, frozen=True):
    """How far the download is, several times a second while it runs.

    Attributes:
        verified_bytes: Bytes on disk and verified, of all packages begun.
        wanted_bytes: Length of all packages begun.
        rate_bytes_per_s: Recent bytes per second.
        wasted_bytes: Bytes received and not used: of races lost, of requests cancelled, and of
            blocks that did not match their digest.
        endpoints: What is going on at each endpoint.
        packages: How far the packages are of which something has arrived and something is missing.
        cap_bytes_per_s: The most that all endpoints together may bring; 0.0 if there is no cap.
    """

    verified_bytes: int
    wanted_bytes: int
    rate_bytes_per_s: float
    wasted_bytes: int = 0
    endpoints: dict[str, EndpointProgress] = {}
    packages: dict[str, PackageProgress] = {}
    cap_bytes_per_s: float = 0.0


class RunStep(msgspec.Struct, frozen=True):
    """A step of a run.

    Attributes:
        index: Of the step.
        name: Of the step.
        packages: What it is expected to need, as far as that can be told when the run begins or
            goes on; empty for a step that has ended.
    """

    index: int
    name: str
    packages: tuple[str, ...] = ()


class RunBegan(Event, frozen=True):
    """A run begins, or another process goes on with it.

    Attributes:
        sequence: Name of the task sequence; empty if the export does not tell.
        position: Index of the first step that has not ended.
        restarts: How often another process has gone on with the run.
        steps: All steps.
        simulated: Whether the steps are simulated: only their content is real.
        run_id: Random, and the same in all processes that go on with the run: 32 hexadecimal
            digits; empty if it is not known.
    """

    sequence: str
    position: int
    restarts: int
    steps: tuple[RunStep, ...]
    simulated: bool = False
    run_id: str = ""


class RunEnded(Event, frozen=True):
    """A run has ended, or asks for a restart of the machine; the figures are those of its report.

    Attributes:
        outcome: ``succeeded``, ``failed`` or ``restart``.
        makespan_s: Seconds from its start to the end of its last step, without the time between
            restarts.
        lower_bound_s: Seconds that no schedule could have beaten over this link.
        link_bytes_per_s: The link's rate.
        link_rate: Whether that rate was ``given`` or ``measured``.
        stall_s: Seconds that steps waited for their content, all together.
        bytes_fetched: Payload bytes received.
        bytes_reused: Verified bytes that were on disk before, or were made of such ones by patches.
        bytes_wasted: Of the bytes fetched, those that arrived twice, or were not used.
        download_first_s: Seconds that it would have taken with all content first.
        stop_at_every_step_s: Seconds that it would have taken with each step's content at its turn.
    """

    outcome: str
    makespan_s: float
    lower_bound_s: float
    link_bytes_per_s: float
    link_rate: str
    stall_s: float
    bytes_fetched: int
    bytes_reused: int
    bytes_wasted: int
    download_first_s: float = 0.0
    stop_at_every_step_s: float = 0.0


class FetchEnded(Event, frozen=True):
    """A fetch of one or several things outside any run has ended.

    Attributes:
        outcome: ``succeeded``, or ``failed`` if anything could not be fetched.
        took_s: Seconds that it took.
        failed: How many things could not be fetched.
        bytes_fetched: Payload bytes received.
        bytes_reused: Verified bytes that were on disk before, or were made of such ones by patches.
        bytes_wasted: Of the bytes fetched, those that arrived twice, or were not used.
        message: Why the first of what could not be fetched could not; empty if all could.
    """

    outcome: str
    took_s: float
    failed: int
    bytes_fetched: int
    bytes_reused: int
    bytes_wasted: int
    message: str = ""


class RunSimulated(Event, frozen=True):
    """The steps of the run that begins or goes on are simulated: only their content is real."""


class StepSkipped(Event, frozen=True):
    """A step does not run.

    Attributes:
        index: Of the step.
        name: Of the step.
        why: ``disabled``, ``condition``, ``undecided``, ``group failed`` or ``Windows PE``.
    """

    index: int
    name: str
    why: str


class StepInterrupted(Event, frozen=True):
    """A step was under way when an earlier process died; it runs again from its beginning.

    Attributes:
        index: Of the step.
        name: Of the step.
    """

    index: int
    name: str


class StepRepeated(Event, frozen=True):
    """A step runs again, because it asked for that before the machine restarted.

    Attributes:
        index: Of the step.
        name: Of the step.
    """

    index: int
    name: str


class RestartRequested(Event, frozen=True):
    """A step asked for a restart of the machine; the run goes on after it.

    Attributes:
        index: Of the step.
        name: Of the step.
        delay_s: Seconds of notice that people are to get; None if nothing was said.
        message: What the notice is to say; empty if nothing was said.
        repeats: Whether the same step runs again after the restart.
    """

    index: int
    name: str
    delay_s: int | None
    message: str
    repeats: bool


class WaitingForNetwork(Event, frozen=True):
    """What a step needs is not on disk, and no endpoint can be reached; tried again in a while.

    Attributes:
        packages: What the step needs.
        delay_s: Seconds until the endpoints are asked again.
        message: How they failed.
    """

    packages: tuple[str, ...]
    delay_s: float
    message: str


class PackageRepublished(Event, frozen=True):
    """A package was published again since the run began; the run goes on with the version it had.

    Attributes:
        package: Its id.
        pinned_version: The version that the run began with.
        version: The version that is current; None if the package was withdrawn.
    """

    package: str
    pinned_version: int
    version: int | None


class StepWaiting(Event, frozen=True):
    """A step's turn has come and some of its packages are not complete yet.

    Attributes:
        index: Of the step.
        name: Of the step.
        packages: Ids of the packages it needs.
    """

    index: int
    name: str
    packages: tuple[str, ...]


class StepStarted(Event, frozen=True):
    """A step starts, after it waited ``stall_s`` seconds for its content.

    Attributes:
        index: Of the step.
        name: Of the step.
        stall_s: Seconds that it waited.
        waits_s: Package id -> seconds of these that it waited for the package, in the order of the
            waits.
        packages: Ids of the packages it needs.
    """

    index: int
    name: str
    stall_s: float
    waits_s: dict[str, float] = {}
    packages: tuple[str, ...] = ()


class StepEnded(Event, frozen=True):
    """A step ended.

    Attributes:
        index: Of the step.
        name: Of the step.
        outcome: ``succeeded`` or ``failed``.
        exit_code: Of its last attempt.
        run_s: Seconds it ran.
        message: Why it failed; empty if it did not fail.
        explanation: What the exit code means; empty if it is not known.
    """

    index: int
    name: str
    outcome: str
    exit_code: int
    run_s: float
    message: str = ""
    explanation: str = ""


def encode(event: Event) -> bytes:
    """The event as one line of JSON, without the line's end."""
    return msgspec.json.encode(event)
