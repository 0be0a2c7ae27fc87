"""``dlcore agent``: run, ask and stop the process that has content before it is asked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dlcore.cli.agent_install import install, uninstall
from dlcore.cli.agent_wants import forget, want, wants
from dlcore.cli.ending.loop import run_async
from dlcore.cli.help_option import HelpfulGroup
from dlcore.cli.logs import LoggedCommand
from dlcore.cli.options.paths import EXISTING_FILE
from dlcore.cli.options.rates import limit_rate_option
from dlcore.cli.options.state import deployment_trust_root_option, state_option, wait_option
from dlcore.cli.output import json_option, quiet_option, say, show_json, show_table, tell
from dlcore.engine.numbers_for_people import amount

if TYPE_CHECKING:
    from dlcore.agent.interface import AgentStatus, PackageStatus
    from dlcore.deployment import Deployment


@click.group(cls=HelpfulGroup)
def command() -> None:
    """Fetch packages to this machine before they are requested.

    `dlcore help agent.md` says how to set it up, and describes its local API.
    """


@command.command(cls=LoggedCommand)
@click.option("--config", required=True, type=EXISTING_FILE, help="Deployment settings (TOML).")
@deployment_trust_root_option
@state_option
@limit_rate_option
@wait_option
@quiet_option
@json_option
def run(
    config: Path,
    trust_root: Path | None,
    state: Path,
    cap_bytes_per_s: int | None,
    wait_s: float,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run the agent until it is stopped or terminated: that is its normal end.

    It owns the state directory, fetches what its clients want in the order in which it is needed,
    and goes on after a restart. With --json, the document is one line, printed when it is ready.
    """
    from dlcore.deployment import load_deployment

    deployment = load_deployment(config, trust_root=trust_root)
    run_async(
        _run(
            deployment,
            config=config.absolute(),
            state=state.absolute(),
            cap_bytes_per_s=cap_bytes_per_s,
            wait_s=wait_s,
            ready=_Ready(as_json=as_json, is_quiet=quiet),
        )
    )


class _Ready:
    """Tells that the agent is ready.

    Args:
        as_json: Whether programs are told.
        is_quiet: Whether people are told nothing.
    """

    def __init__(self, *, as_json: bool, is_quiet: bool) -> None:
        self._as_json = as_json
        self._is_quiet = is_quiet

    def tell(self, address: str, state: Path) -> None:
        """It listens at an address."""
        if self._as_json:
            ready = {"address": address, "state": str(state), "pid": os.getpid()}
            show_json(ready, one_line=True)
        elif not self._is_quiet:
            tell(f"the agent of {state} is ready; it listens at {address}")


async def _run(
    deployment: Deployment,
    config: Path,
    state: Path,
    cap_bytes_per_s: int | None,
    wait_s: float,
    ready: _Ready,
) -> None:
    import dlcore
    from dlcore.agent.addresses import address_of
    from dlcore.agent.running import run_until_stopped, running_agent

    async with running_agent(
        deployment,
        state,
        version=dlcore.__version__,
        config=str(config),
        wait_s=wait_s,
        cap_bytes_per_s=cap_bytes_per_s,
    ) as service:
        ready.tell(address_of(state).listens_at, state)
        await run_until_stopped(service)


@command.command(cls=LoggedCommand)
@state_option
@json_option
def status(state: Path, as_json: bool) -> None:
    """Show what the agent wants and what it has; status 20 if it does not run."""
    import msgspec

    found = run_async(_status(state))
    if as_json:
        show_json(msgspec.to_builtins(found))
    else:
        _show(found)


async def _status(state: Path) -> AgentStatus:
    from dlcore.agent.client import AgentClient

    async with AgentClient(state, patience_s=0.0) as agent:
        return await agent.status()


@command.command(cls=LoggedCommand)
@state_option
@json_option
def stop(state: Path, as_json: bool) -> None:
    """End the agent; what is verified stays. Status 20 if it does not run."""
    process_id = run_async(_stop(state))
    if as_json:
        show_json({"stopped": process_id})
    else:
        say(f"the agent (process {process_id}) has ended")


async def _stop(state: Path) -> int:
    from dlcore.agent.client import AgentClient

    async with AgentClient(state, patience_s=0.0) as agent:
        process_id = (await agent.status()).process_id
        await agent.stop()
        await agent.ended()
    return process_id


command.add_command(want)
command.add_command(wants)
command.add_command(forget)
command.add_command(install)
command.add_command(uninstall)


def _show(found: AgentStatus) -> None:
    network = "online" if found.is_online else "no endpoint has answered yet"
    say(f"the agent of {found.state} runs (process {found.process_id}), with {found.config}")
    say(f"network: {network}; wants: {' '.join(want.name for want in found.wants) or 'none'}")
    if found.packages:
        show_table(
            ("package", "version", "state", "verified", "of", "why"), map(_row, found.packages)
        )


def _row(package: PackageStatus) -> tuple[str, ...]:
    total = "" if package.total_bytes is None else amount(package.total_bytes)
    return (
        package.package_id,
        package.version,
        package.state.value,
        amount(package.verified_bytes),
        total,
        package.trouble.message if package.trouble else "",
    )
