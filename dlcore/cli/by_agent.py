"""What commands do by a running agent, if there is one."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from dlcore.cli.output import tell
from dlcore.engine.delivery.deliveries import Deliveries, users_deliveries
from dlcore.engine.fetching.call import FetchItem
from dlcore.errors import ConfigError, DlcoreError, LockedError
from dlcore.package_ids import package_id

if TYPE_CHECKING:
    from dlcore.agent.interface import PackageStatus
    from dlcore.engine.fetching.fetch_into import Fetched
    from dlcore.engine.running.run_content import OpenRunContent


async def fetched_by_agent(
    item: FetchItem, state: Path, folder: Path, wait_s: float
) -> Fetched | None:
    """Fetch a package by the agent of a state directory.

    Returns:
        What it came to; None if it is not a package's id, or no agent runs there.

    Raises:
        DlcoreError: As `fetch_by_agent`.
    """
    found = package_id(str(item.what))
    if found is None or item.sha256 or item.checksum or item.place:
        return None
    from dlcore.agent.client import running_agent_of
    from dlcore.agent.fetching import fetch_by_agent

    async with running_agent_of(state) as agent:
        if agent is None:
            return None
        records = Deliveries(users_deliveries())
        return await fetch_by_agent(agent, found, to=folder, deliveries=records, wait_s=wait_s)


async def run_content_by_agent(config: Path, state: Path) -> OpenRunContent | None:
    """Have the agent of a state directory fetch the content of a run.

    Args:
        config: The deployment file of the run: the agent must have the same one.
        state: The state directory.

    Returns:
        For ``Client(run_content=)``; None if no such agent runs there.

    Raises:
        AgentError: What listens there is another user's, or speaks another version.
    """
    from dlcore.agent.client import running_agent_of

    async with running_agent_of(state) as agent:
        if agent is None:
            return None
        agents_config = (await agent.status()).config
        if not _is_same(config, agents_config):
            tell(
                f": the agent of {state} uses {agents_config}; it would fetch the content of"
                " this run if --config named the same file",
                label="warning",
            )
            return None
    from dlcore.agent.run_content import content_of_agent

    return content_of_agent(state)


async def packages_at_agent(
    packages: tuple[str, ...], config: Path, state: Path
) -> tuple[PackageStatus, ...] | None:
    """Where packages stand, by the word of the agent of a state directory.

    Returns:
        One for each package; None if no agent with this deployment file runs there.

    Raises:
        AgentError: As `run_content_by_agent`.
    """
    from dlcore.agent.client import running_agent_of

    async with running_agent_of(state) as agent:
        if agent is None or not _is_same(config, (await agent.status()).config):
            return None
        return tuple([await agent.package(each) for each in packages])


def _is_same(config: Path, other: str) -> bool:
    with contextlib.suppress(OSError):
        return config.samefile(other)
    return False


def check_source(item: FetchItem, state: Path, *, was_asked: bool) -> None:
    """Refuse to fetch a package without a source: no endpoint is named, and no agent runs.

    Args:
        item: What is to be fetched.
        state: Whose agent could have done it.
        was_asked: Whether it was looked for.

    Raises:
        ConfigError: It is a package.
    """
    if package_id(str(item.what)) is None:
        return
    why = f"no agent runs at {state}" if was_asked else "with these options the agent is not asked"
    remedy = (
        f"Or start an agent: 'dlcore agent run --config FILE --state {state}'."
        if was_asked
        else (
            "Or let the agent do it: leave out --no-agent, --dry-run, --events, -o -, --seed,"
            " patterns, and options that name a catalog or its root."
        )
    )
    raise ConfigError(
        f"no endpoint is named, and {why}",
        remedy=f"Say where to fetch from, with --from. {remedy}",
    )


async def with_agent_named(
    error: LockedError, state: Path, config: Path | None = None
) -> LockedError:
    """The same error; if an agent holds the state directory, with its settings and what to do.

    Args:
        error: Tells that the state directory is held.
        state: The state directory.
        config: The deployment file of a run, which an agent that has the same one would serve.
    """
    from dlcore.agent.client import running_agent_of

    with contextlib.suppress(DlcoreError):  # then it is not known
        async with running_agent_of(state) as agent:
            if agent:
                agents_config = (await agent.status()).config
                join = f"Run with --config {agents_config} to let it fetch the content. "
                is_another = config is not None and not _is_same(config, agents_config)
                return LockedError(
                    f"{error.message}; it is an agent with the deployment file {agents_config}",
                    path=error.path,
                    remedy=f"{join if is_another else ''}'dlcore agent stop --state {state}' ends"
                    " the agent. Or choose another state directory.",
                    holder=error.holder,
                )
    return error
