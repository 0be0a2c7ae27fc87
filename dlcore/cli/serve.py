"""``dlcore serve``: serve a published folder as a content-enabled CMG, for trials."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from dlcore.cli.loop import run_async
from dlcore.cli.output import json_option, show_json
from dlcore.emulator import Emulator, Settings
from dlcore.model import EndpointKind


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: any free one.")
@click.option("--kind", type=click.Choice(["cmg", "cloud-dp"]), default="cmg", show_default=True)
@click.option("--no-content", is_flag=True, help='As if "serve content" were switched off.')
@click.option("--dp", is_flag=True, help="Also serve as an on-premises distribution point.")
@click.option("--bandwidth-bps", type=click.FloatRange(min=1), help="Bytes/s of the whole link.")
@click.option("--latency-s", type=click.FloatRange(min=0), default=0.0, show_default=True)
@click.option("--token-life-s", type=click.FloatRange(min=1), default=28800.0, show_default=True)
@click.option("--location-life-s", type=click.FloatRange(min=1), default=3600.0, show_default=True)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for certificates, the registration token and client.toml.",
)
@json_option
def command(
    folder: Path,
    host: str,
    port: int,
    kind: str,
    no_content: bool,
    dp: bool,
    bandwidth_bps: float | None,
    latency_s: float,
    token_life_s: float,
    location_life_s: float,
    state: Path | None,
    as_json: bool,
) -> None:
    """Serve FOLDER, which `dlcore publish` wrote, until interrupted.

    Makes a certificate authority and a registration token of its own, and writes a client.toml
    that `dlcore plan` and `dlcore run` take as --config.
    """
    settings = Settings(
        kind=EndpointKind(kind),
        host=host,
        port=port,
        serve_content=not no_content,
        dp=dp,
        bandwidth_bps=bandwidth_bps,
        latency_s=latency_s,
        token_life_s=token_life_s,
        location_life_s=location_life_s,
    )
    run_async(_serve(folder.absolute(), settings, _state(state), as_json))


def _state(state: Path | None) -> Path:
    if state:
        return state.absolute()
    import platformdirs

    return platformdirs.user_state_path("dlcore") / "emulator"


async def _serve(folder: Path, settings: Settings, state: Path, as_json: bool) -> None:
    async with Emulator(folder, settings, state=state) as emulator:
        config = state / "client.toml"
        await asyncio.to_thread(config.write_text, client_config(emulator, settings), "utf-8")
        if as_json:
            ready = {"url": emulator.url, "config": str(config), "pid": os.getpid()}
            show_json(ready | ({"dp_url": emulator.dp_url} if settings.dp else {}))
        else:
            click.echo(f"serving {folder} at {emulator.url}")
            click.echo(f"try: dlcore run SEQUENCE --config {config}")
        await asyncio.Event().wait()


def client_config(emulator: Emulator, settings: Settings) -> str:
    """Deployment settings for clients of an emulator that runs."""
    lines = [
        "[deployment]",
        'download = "when-needed"',
        "allow_on_internet = true",
        "[client]",
        "use_cmg = true",
        "allow_cloud_dp = true",
        "[catalog]",
        'endpoint = "emulator"',
        "[[endpoint]]",
        'name = "emulator"',
        f'kind = "{settings.kind.value}"',
        f'url = "{emulator.url}"',
        f"token_file = '{emulator.registration_token_file}'",
        f"ca_file = '{emulator.ca_file}'",
    ]
    if settings.kind is EndpointKind.CMG:
        lines.append(f"serves_content = {str(settings.serve_content).lower()}")
    return "\n".join(lines) + "\n"
