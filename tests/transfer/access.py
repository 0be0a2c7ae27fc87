"""One object at a URL, read with what opens its server."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dlcore.model import File, Manifest, Object
from dlcore.transfer import Keyring, open_urls
from tests.others import touch_private
from tests.transfer.access_servers import BODY
from tests.transfer.sinks import Collector


def manifest() -> Manifest:
    """What describes `BODY`."""
    name = hashlib.sha256(BODY).hexdigest()
    return Manifest(
        schema=1,
        package_id="LOCAL",
        version=1,
        block_bytes=1 << 20,
        objects=(Object(name, len(BODY), sha256=bytes.fromhex(name)),),
        files=(File("body", len(BODY), 0),),
    )


async def read(
    url: str, keyring: Keyring, span: tuple[int, int] = (0, len(BODY)), *, led_by: str = ""
) -> bytes:
    """Read bytes of `BODY` at a URL."""
    described = manifest()
    endpoint = open_urls("edge", {described.objects[0].name: url}, keyring=keyring, led_by=led_by)
    sink = Collector(span[1] - span[0])
    try:
        placement = await endpoint.locate(described)
        await placement.read_range(0, *span, sink)
    finally:
        await endpoint.aclose()
    return sink.received


def secret_file(folder: Path, name: str, text: str, mode: int = 0o600) -> str:
    """A file that, by default, only its owner can read."""
    path = folder / name
    touch_private(path)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return str(path)
