"""``dlcore serve``: serve a published folder as a content-enabled CMG, for trials."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Final

import click

from dlcore.cli import emulated_site
from dlcore.cli.ending.loop import run_async
from dlcore.cli.logs import LoggedCommand
from dlcore.cli.options.numbers import NumberRange
from dlcore.cli.options.paths import EXISTING_FOLDER, FOLDER, as_argument
from dlcore.cli.options.rates import rate_of
from dlcore.cli.output import json_option, say, show_json
from dlcore.disk.faults import guarded
from dlcore.emulator import Emulator, Settings
from dlcore.emulator.private_files import write_private
from dlcore.model import EndpointKind

MAX_LATENCY_S: Final = 86_400
MAX_LIFE_S: Final = 1_000_000_000  # thirty years: what expires has a date, and none is after 9999


@click.command(cls=LoggedCommand)
@click.argument("folder", type=EXISTING_FOLDER)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Name or address to listen on."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="TCP port to listen on; 0: a free one."
)
@click.option(
    "--kind",
    type=click.Choice(["cmg", "cloud-dp"]),
    default="cmg",
    show_default=True,
    help="A cloud management gateway, or a cloud distribution point.",
)
@click.option("--no-content", is_flag=True, help='As if "serve content" were switched off.')
@click.option("--dp", is_flag=True, help="Also serve as an on-premises distribution point.")
@click.option(
    "--site",
    is_flag=True,
    help="Serve as a whole site: also as distribution points with anonymous access, with Windows "
    "authentication and with client certificates, and as a content library, which is written on "
    "two drives and served over HTTPS. "
    "FOLDER may also hold packages that are not published, each named by its id.",
)
@click.option(
    "--bandwidth",
    "bandwidth_bytes_per_s",
    callback=rate_of,
    metavar="RATE",
    help='Bandwidth of all clients together: bytes per second, or with a unit, as in "100 '
    'Mbit/s"; by default as much as the machine can.',
)
@click.option(
    "--latency-s",
    type=NumberRange(min=0, max=MAX_LATENCY_S),
    default=0.0,
    show_default=True,
    help="Seconds by which every answer is delayed.",
)
@click.option(
    "--token-life-s",
    type=NumberRange(min=1, max=MAX_LIFE_S),
    default=28800.0,
    show_default=True,
    help="Seconds until an access token expires.",
)
@click.option(
    "--location-life-s",
    type=NumberRange(min=1, max=MAX_LIFE_S),
    default=3600.0,
    show_default=True,
    help="Seconds until a signed blob location expires.",
)
@click.option(
    "--state",
    type=FOLDER,
    help="Folder for certificates, the registration token and client.toml. [default: "
    "dlcore/emulator where the user's programs keep their state]",
)
@json_option
def command(
    folder: Path,
    host: str,
    port: int,
    kind: str,
    no_content: bool,
    dp: bool,
    site: bool,
    bandwidth_bytes_per_s: int | None,
    latency_s: float,
    token_life_s: float,
    location_life_s: float,
    state: Path | None,
    as_json: bool,
) -> None:
    """Serve FOLDER, which `dlcore publish` wrote, until interrupted: that is its normal end.

    Makes a certificate authority and a registration token of its own, and writes a client.toml
    that `dlcore plan` and `dlcore run` take as --config. With --site, that file is deployment.toml;
    it is printed, and has a command for each endpoint. With --json, the document is one line,
    printed when it is ready.
    """
    settings = Settings(
        kind=EndpointKind(kind),
        host=host,
        port=port,
        serve_content=not no_content,
        dp=dp or site,
        windows_dp=site,
        certificate_dp=site,
        bandwidth_bytes_per_s=bandwidth_bytes_per_s or None,
        latency_s=latency_s,
        token_life_s=token_life_s,
        location_life_s=location_life_s,
    )
    place = _state(state)
    if site:
        # Here, and not beside the event loop: this can take long, and ends when it is interrupted.
        prepared = emulated_site.prepare(folder.absolute(), place)
        run_async(_serve_site(prepared, settings, place, as_json))
    else:
        run_async(_serve(folder.absolute(), settings, place, as_json))


def _state(state: Path | None) -> Path:
    if state:
        return state.absolute()
    import platformdirs

    return platformdirs.user_state_path("dlcore") / "emulator"


async def _serve(folder: Path, settings: Settings, state: Path, as_json: bool) -> None:
    async with Emulator(folder, settings, state=state) as emulator:
        config = state / "client.toml"
        text = client_config(emulator, settings)
        await asyncio.to_thread(_write, config, text.encode())
        if as_json:
            ready = {"url": emulator.url, "config": str(config), "pid": os.getpid()}
            more = {"dp_url": emulator.dp_url} if settings.dp else {}
            show_json(ready | more, one_line=True)
        else:
            say(f"serving {folder} at {emulator.url}")
            say(f"try: dlcore run SEQUENCE --config {as_argument(config)}")
        with contextlib.suppress(asyncio.CancelledError):  # interrupted or terminated
            await asyncio.Event().wait()


async def _serve_site(
    prepared: emulated_site.Prepared, settings: Settings, state: Path, as_json: bool
) -> None:
    async with Emulator(
        prepared.published, settings, state=state, drives=prepared.drives
    ) as emulator:
        served = emulated_site.endpoints(emulator, prepared)
        config, of_library = state / "deployment.toml", state / "content-library.toml"
        text = emulated_site.deployment(prepared, served)
        await asyncio.to_thread(_write, config, text.encode())
        library = emulated_site.web_library(emulator, prepared)
        more = emulated_site.library_deployment(prepared, [library, *served])
        await asyncio.to_thread(_write, of_library, more.encode())
        if as_json:
            ready = {
                "url": emulator.url,
                "config": str(config),
                "pid": os.getpid(),
                "library_config": str(of_library),
                "endpoints": {each.name: dict(each.keys) for each in (*served, library)},
                "content_library": [str(path) for path in prepared.drives],
            }
            show_json(ready, one_line=True)
        else:
            say(f"serving {prepared.published} as a site; all endpoints: {config}")
            for line in text.splitlines():
                say(line)
            say(f"the content library and the distribution points: {of_library}")
        with contextlib.suppress(asyncio.CancelledError):  # interrupted or terminated
            await asyncio.Event().wait()


def client_config(
    emulator: Emulator, settings: Settings, *, on_internet: bool = sys.platform == "win32"
) -> str:
    """Deployment settings for clients of an emulator that runs.

    Args:
        emulator: It runs.
        settings: What it was started with.
        on_internet: Whether its clients are on the internet. A sequence for such a client needs
            an Upgrade Operating System step, which only Windows can run.
    """
    lines = [
        "[deployment]",
        'download = "when-needed"',
        "allow_on_internet = true",
        "[client]",
        f"on_internet = {str(on_internet).lower()}",
        "use_cmg = true",
        "allow_cloud_dp = true",
        "[catalog]",
        'endpoint = "emulator"',
        "[[endpoint]]",
        'name = "emulator"',
        f'kind = "{settings.kind.value}"',
        f'url = "{emulator.url}"',
        f"token_file = {_toml(emulator.registration_token_file)}",
        f"ca_file = {_toml(emulator.ca_file)}",
    ]
    if settings.kind is EndpointKind.CMG:
        lines.append(f"serves_content = {str(settings.serve_content).lower()}")
    return "\n".join(lines) + "\n"


def _write(path: Path, text: bytes) -> None:
    with guarded("write a deployment file", path, len(text)):
        write_private(path, text)


def _toml(path: Path) -> str:
    """A path as a TOML string: JSON's are a kind of those."""
    return json.dumps(str(path), ensure_ascii=False)
