"""Events in words, for people."""

from __future__ import annotations

from typing import Final

from dlcore.engine import events
from dlcore.engine.numbers_for_people import amount
from dlcore.errors import Fault

_PACES: Final = {
    "paused": "fetching is paused",
    "background": "fetching in the background, behind other traffic",
    "foreground": "fetching with the whole link",
}

_TRUTHS: Final = {
    "content-library": "by the digests of its files in the content library",
    "content-hash": "by the content hash of the whole",
}
_KNOWN: Final = {
    "before-the-first-byte": "known before the first byte",
    "at-the-end": "known when all has arrived",
}

_CAUSES: Final = {
    "began": "boundary groups",
    "network": "the network has changed",
    "fallback": "fallback",
    "waiting": "waiting for a fallback time",
}


def describe(event: events.Event) -> str:
    """One event in words; empty if it is not worth a line."""
    match event:
        case events.PackageStarted(package, content_bytes, reused_bytes):
            kept = f", {amount(reused_bytes)} of it on disk" if reused_bytes else ""
            return f"{package}: fetching {amount(content_bytes)}{kept}"
        case events.PackagePatched(package, kept_bytes, patched_bytes):
            made = f"{amount(kept_bytes)} as they are, {amount(patched_bytes)} patched"
            return f"{package}: taken from older versions: {made}"
        case events.PackageTruth(package, truth, known):
            return f"{package}: verified {_TRUTHS.get(truth, truth)}, {_KNOWN.get(known, known)}"
        case events.PackageReady(package):
            return f"{package}: ready"
        case events.PackageFailed(package, message):
            return f"{package}: failed: {message}"
        case events.BlockRejected(package, _, block, endpoint):
            source = endpoint or "several endpoints"
            return f"{package}: block {block} from {source} does not match, so it is dropped"
        case events.CulpritFound(package, _, block, endpoint):
            return f"{package}: what {endpoint} sent of block {block} did not match"
        case events.TrafficChanged(pace, cap_bytes_per_s, reason):
            how = _PACES.get(pace, pace)
            cap = f", at most {amount(int(cap_bytes_per_s))}/s" if cap_bytes_per_s else ""
            return f"{how}{cap}{f': {reason}' if reason else ''}"
        case events.DownloadRetried(package, attempt, of, delay_s, left_s):
            last = f"retry {attempt} of {of}" if left_s is None else f"for {left_s:.0f} s more"
            return f"{package}: no endpoint serves it; asking again in {delay_s:.0f} s ({last})"
        case events.PackageRepublished(package, pinned_version, version):
            now = "was withdrawn" if version is None else f"was published again as {version}"
            return f"{package}: {now}; the run goes on with version {pinned_version}"
        case _:
            return _of_endpoint(event) or _of_step(event)


def _of_endpoint(event: events.Event) -> str:
    match event:
        case events.BoundaryChanged(cause, groups, reason):
            named = [f"{group} ({', '.join(each) or 'none'})" for group, each in groups.items()]
            return f"{_CAUSES.get(cause, cause)}: using {', '.join(named) or 'nothing'}: {reason}"
        case events.RangeFailed(_, _, fault, message):
            return f"{message} ({fault})"
        case events.EndpointDropped(endpoint, Fault.CORRUPT.value):
            return f"{endpoint}: asked only for what no other endpoint has (corrupt)"
        case events.EndpointDropped(endpoint, fault):
            return f"{endpoint}: not asked any more ({fault})"
        case events.EndpointNote(endpoint, what, reason):
            return f"{endpoint}: {what}: {reason}"
        case events.DigestFromServer(endpoint, sha256):
            said = f"that the SHA-256 is {sha256}" if sha256 else "its digests in a Metalink"
            return f"{endpoint}: says {said}; the file is verified by that"
        case events.EndpointBusy(endpoint, wait_s):
            return f"{endpoint}: too busy to say what it holds, asked again in {wait_s:.0f} s"
        case events.EndpointAwaited(endpoint, wait_s, message):
            return f"{endpoint}: asking again in {wait_s:.0f} s ({message})"
        case events.EndpointRenewed(endpoint, what, reason):
            return f"{endpoint}: {what} renewed ({reason})"
        case _:
            return ""


def _of_step(event: events.Event) -> str:
    match event:
        case events.RunSimulated():
            return "the steps are simulated: no command runs; content is fetched and verified"
        case events.StepSkipped(index, name, why):
            return f"step {index} {name}: skipped ({why})"
        case events.StepInterrupted(index, name):
            return f"step {index} {name}: was interrupted and runs again"
        case events.StepRepeated(index, name):
            return f"step {index} {name}: runs again after the restart, as it asked"
        case events.RestartRequested(index, name, _, _, repeats):
            how = "goes on with the same step" if repeats else "continues after it"
            return f"step {index} {name}: asks for a restart; the run {how}"
        case events.WaitingForAgent(packages, waited_s, message):
            wanted = ", ".join(packages)
            return f"waiting for the agent to have {wanted}: {waited_s:.0f} s so far ({message})"
        case events.AgentReturned(packages, waited_s):
            return f"the agent is back after {waited_s:.0f} s, and asked for {', '.join(packages)}"
        case events.WaitingForNetwork(packages, delay_s, message):
            wanted = ", ".join(packages)
            return (
                f"waiting for the network to fetch {wanted}: again in {delay_s:.0f} s ({message})"
            )
        case events.StepWaiting(index, name, packages):
            return f"step {index} {name}: waits for {', '.join(packages)}"
        case events.StepStarted(index, name, stall_s):
            waited = f" after waiting {stall_s:.1f} s" if stall_s >= 0.05 else ""
            return f"step {index} {name}: starts{waited}"
        case events.StepEnded(index, name, outcome, exit_code, run_s, message, explanation):
            code = f"exit code {exit_code}"
            why = message if message != code else ""
            told = ": ".join(filter(None, (code, explanation or why)))
            return f"step {index} {name}: {outcome} after {run_s:.1f} s ({told})"
        case _:
            return ""
