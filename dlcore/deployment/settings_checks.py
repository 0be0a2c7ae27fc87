"""The prerequisites that lie in settings: of the sequence, the deployment, client and endpoints.

Guarantees: each function makes one check. The rules are those of the feature over the internet;
what an intranet client does not need passes and says so.

Source: Microsoft Learn, "Deploy a task sequence over the internet", section "Deploy Windows 10
in-place upgrade via CMG", and "Deploy a task sequence", section "Deployment options".
"""

from __future__ import annotations

from collections.abc import Iterable

from dlcore.deployment.facts import Check, CheckOutcome, Facts
from dlcore.deployment.settings import Download, Launch
from dlcore.deployment.usable_endpoints import (
    ALLOW_CLOUD_DP,
    CLOUD_KINDS,
    SERVE_CONTENT,
    USE_CMG,
    usable_endpoints,
)
from dlcore.model import EndpointKind, EndpointSettings

_ALLOW_ON_INTERNET = '"Allow task sequence to run for client on the Internet"'
_OR_INTRANET = "or set client.on_internet = false if this client is on the intranet."
_INTRANET = "this client is on the intranet"
_REFUSED_LAUNCHES = {
    Launch.WINDOWS_PE: "Windows PE runs from memory, so downloads would not survive a restart",
    Launch.PXE: "PXE starts Windows PE",
    Launch.MEDIA: "task sequence media starts Windows PE or brings its content along",
}


def upgrade_sequence(facts: Facts) -> Check:
    """The sequence is an in-place upgrade."""
    name = "upgrade-sequence"
    if facts.upgrade_steps:
        return Check(
            name,
            CheckOutcome.PASSED,
            f'step "{facts.upgrade_steps[0]}" upgrades the operating system',
        )
    if not facts.deployment.client.on_internet:
        return Check(name, CheckOutcome.DOES_NOT_APPLY, _INTRANET)
    return Check(
        name,
        CheckOutcome.FAILED,
        "no enabled step upgrades the operating system, but over the internet only an in-place"
        " upgrade is supported",
        f"Use a task sequence with an enabled Upgrade Operating System step, {_OR_INTRANET}",
    )


def download_setting(facts: Facts) -> Check:
    """Content is downloaded, not run from a share."""
    name = "download-setting"
    download = facts.deployment.options.download
    if download is not Download.FROM_DP:
        return Check(
            name, CheckOutcome.PASSED, f"content is downloaded {download.value.replace('-', ' ')}"
        )
    return Check(
        name,
        CheckOutcome.FAILED,
        '"Access content directly from a distribution point" runs content over SMB from a share,'
        " and its hash is never verified",
        'Choose another deployment option and set deployment.download to "when-needed" or'
        ' "before-start".',
    )


def internet_allowed(facts: Facts) -> Check:
    """The deployment allows a client that is on the internet."""
    name = "internet-allowed"
    if not facts.deployment.client.on_internet:
        return Check(name, CheckOutcome.DOES_NOT_APPLY, _INTRANET)
    if facts.deployment.options.allow_on_internet:
        return Check(name, CheckOutcome.PASSED, f"{_ALLOW_ON_INTERNET} is on")
    return Check(
        name,
        CheckOutcome.FAILED,
        f"this client is on the internet, and {_ALLOW_ON_INTERNET} is off",
        "Turn it on in the deployment, tab User Experience, and set"
        f" deployment.allow_on_internet = true; {_OR_INTRANET}",
    )


def cmg_client_setting(facts: Facts) -> Check:
    """The client may use the CMGs that are listed."""
    return _setting(
        "cmg-client-setting",
        USE_CMG,
        facts,
        {e.name: facts.deployment.client.use_cmg for e in _of(facts, {EndpointKind.CMG})},
        "Turn it on in the client settings, group Cloud Services, and set client.use_cmg = true;"
        " or take these endpoints out.",
    )


def cloud_dp_client_setting(facts: Facts) -> Check:
    """The client may fetch content from the cloud endpoints that are listed."""
    return _setting(
        "cloud-dp-client-setting",
        ALLOW_CLOUD_DP,
        facts,
        {e.name: facts.deployment.client.allow_cloud_dp for e in _of(facts, CLOUD_KINDS)},
        "Turn it on in the client settings, group Cloud Services, and set"
        " client.allow_cloud_dp = true; or take these endpoints out.",
    )


def cmg_serves_content(facts: Facts) -> Check:
    """The CMGs that are listed serve content."""
    return _setting(
        "cmg-serves-content",
        SERVE_CONTENT,
        facts,
        {e.name: e.serves_content for e in _of(facts, {EndpointKind.CMG})},
        "Turn it on in the properties of the CMG, tab Settings, distribute the content to it and"
        " set serves_content = true; or take these endpoints out.",
    )


def launch(facts: Facts) -> Check:
    """The sequence is started from Software Center."""
    name = "launch"
    origin = facts.deployment.launch.origin
    if origin is Launch.SOFTWARE_CENTER:
        return Check(name, CheckOutcome.PASSED, "started from Software Center")
    return Check(
        name,
        CheckOutcome.FAILED,
        f"a start from {origin.value} is not supported: {_REFUSED_LAUNCHES[origin]}",
        'Start the task sequence from Software Center, with launch.from = "software-center".',
    )


def endpoints(facts: Facts) -> Check:
    """There is at least one endpoint that this client may use."""
    name = "endpoints"
    candidates = usable_endpoints(facts.deployment)
    usable = ", ".join(c.endpoint.name for c in candidates if not c.obstacle)
    left_out = ", ".join(f"{c.endpoint.name} ({c.obstacle})" for c in candidates if c.obstacle)
    if usable:
        return Check(name, CheckOutcome.PASSED, f"in use: {usable}; left out: {left_out or 'none'}")
    return Check(
        name,
        CheckOutcome.FAILED,
        f"this client may use no endpoint; left out: {left_out}"
        if left_out
        else "no endpoint is listed",
        "Add an [[endpoint]] that this client may use, or correct the settings named.",
    )


def _of(facts: Facts, kinds: Iterable[EndpointKind]) -> list[EndpointSettings]:
    return [endpoint for endpoint in facts.deployment.endpoints if endpoint.kind in kinds]


def _setting(name: str, setting: str, facts: Facts, is_on: dict[str, bool], remedy: str) -> Check:
    """A setting, and whether it is on for each endpoint that depends on it."""
    if not is_on:
        return Check(name, CheckOutcome.DOES_NOT_APPLY, "no endpoint listed depends on it")
    if not facts.deployment.client.on_internet:
        return Check(name, CheckOutcome.DOES_NOT_APPLY, _INTRANET)
    off = ", ".join(endpoint for endpoint, on in is_on.items() if not on)
    if not off:
        return Check(name, CheckOutcome.PASSED, f"{setting} is on")
    return Check(
        name, CheckOutcome.FAILED, f"{setting} is off, so this client cannot use {off}", remedy
    )
