"""``dlcore doctor``: what keeps dlcore from working here, and what to do about it."""

from __future__ import annotations

import os
from pathlib import Path

import click
import msgspec

import dlcore
from dlcore.cli.configuration import option_file
from dlcore.cli.configuration.option_file import OptionFile
from dlcore.cli.configuration.option_names import Words
from dlcore.cli.ending.loop import run_async
from dlcore.cli.logs import LoggedCommand
from dlcore.cli.options.access import access_options
from dlcore.cli.options.paths import EXISTING_FILE
from dlcore.cli.options.state import state_option
from dlcore.cli.output import json_option, say, show_json
from dlcore.cli.results.check_tables import show_checks
from dlcore.deployment import (
    Check,
    CheckOutcome,
    Deployment,
    check_boundary,
    load_deployment,
    usable_endpoints,
)
from dlcore.doctor import Diagnosis, deployment_catalog, examine
from dlcore.engine.boundaries import place_of
from dlcore.engine.fetching.access import Access, NamedServers
from dlcore.engine.fetching.sources import settings_of
from dlcore.errors import DlcoreError, PreflightError
from dlcore.machine import this_machine
from dlcore.model import EndpointSettings
from dlcore.plain_files import is_file_there

_REFUSAL = "dlcore.doctor.refusal"  # key in a context's `meta`: why the configuration file fails


class _Doctor(LoggedCommand):
    """Works also if the configuration file cannot be used: that is one of its checks."""

    def read_file(self, command: Words, parent: click.Context) -> OptionFile | None:
        """The configuration file; None also if it cannot be used, which is noted."""
        try:
            return super().read_file(command, parent)
        except DlcoreError as error:
            parent.meta[_REFUSAL] = error
            return None


@click.command(cls=_Doctor)
@click.option(
    "--from",
    "sources",
    multiple=True,
    metavar="ENDPOINT",
    help="An endpoint to ask, named as for fetch; may be repeated.",
)
@click.option(
    "--config",
    type=EXISTING_FILE,
    help="Deployment settings (TOML): ask the endpoints that this client may use.",
)
@access_options
@state_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    sources: tuple[str, ...],
    config: Path | None,
    access: Access,
    state: Path,
    as_json: bool,
) -> int:
    """Look for what keeps dlcore from working here, and say what to do about it.

    Looks at the configuration file, this installation, the state directory and the catalog that
    --config names; and, for each endpoint, at the proxy, the host's name, the connection, the
    certificate, the clock, the login and the catalog. Nothing is left on the disk. Ends with status
    14 if a check failed.
    """
    servers = NamedServers(access, sources)
    endpoints = [
        settings_of(source, number, access, servers) for number, source in enumerate(sources)
    ]
    deployment = load_deployment(config) if config else None
    configured = _endpoints_of(deployment)
    diagnosis = run_async(examine(dlcore.__version__, [*endpoints, *configured], state))
    file = _configuration_file(ctx.meta.get(_REFUSAL))
    checks = (file, *diagnosis.machine, *_boundary_groups(deployment))
    if deployment:
        usable = {endpoint.name for endpoint in configured}
        checks += run_async(deployment_catalog(deployment, state, usable))
    diagnosis = msgspec.structs.replace(diagnosis, machine=checks)
    if as_json:
        show_json({"sound": diagnosis.is_sound, **msgspec.to_builtins(diagnosis)})
    else:
        _show(diagnosis)
    return 0 if diagnosis.is_sound else PreflightError.exit_status


def _configuration_file(refusal: DlcoreError | None) -> Check:
    """The file with the options of commands can be used; without it, commands do not start."""
    if refusal:
        return Check("configuration-file", CheckOutcome.FAILED, refusal.message, refusal.remedy)
    path = option_file.config_path(os.environ)
    detail = f"{path} is read" if is_file_there(path) else f"there is none ({path})"
    return Check("configuration-file", CheckOutcome.PASSED, detail)


def _boundary_groups(deployment: Deployment | None) -> list[Check]:
    """Where this machine is, if the settings depend on that."""
    if not (deployment and deployment.boundary):
        return []
    return [check_boundary(deployment, place_of(this_machine()))]


def _endpoints_of(deployment: Deployment | None) -> list[EndpointSettings]:
    if deployment is None:
        return []
    candidates = usable_endpoints(deployment)
    return [candidate.endpoint for candidate in candidates if not candidate.obstacle]


def _show(diagnosis: Diagnosis) -> None:
    show_checks(diagnosis.machine)
    for name, checks in diagnosis.endpoints.items():
        say("")
        say(f"endpoint {name}")
        show_checks(checks)
    say("")
    if not diagnosis.endpoints:
        say("No endpoint was asked: name some with --from or --config.")
    say("Nothing failed." if diagnosis.is_sound else "Something failed: see what is FAILED above.")
