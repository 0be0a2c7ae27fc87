"""A client and one server a link, ready to measure."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import trustme

from bench.netlab import namespaces
from bench.netlab.link import Link, Wire, build_relay, wired
from bench.netlab.server import Server, serving


class Side(NamedTuple):
    """A server and the link to it."""

    wire: Wire
    server: Server


class Laboratory(NamedTuple):
    """What is set up.

    Attributes:
        sides: One a link, in order.
        authority: PEM file of who signed the servers' certificates.
    """

    sides: list[Side]
    authority: Path

    def urls(self, below: Path, root: Path, *, tls: bool = False) -> list[str]:
        """Where each server has the folder ``below``, which lies in the served ``root``."""
        path = below.relative_to(root).as_posix()
        return [f"{side.server.url(tls=tls)}/{path}" for side in self.sides]


@contextlib.contextmanager
def laboratory(
    root: Path, links: Sequence[Link], congestion: str = "cubic", *, wait: bool = True
) -> Iterator[Laboratory]:
    """Set up, and take everything down at the end, however it comes.

    Args:
        root: What every server serves; its folder ``out`` is emptied before and removed afterwards.
        links: One server each.
        congestion: The servers' TCP congestion control: cubic, bbr or reno.
        wait: For another laboratory on this machine to end.

    Raises:
        LaboratoryError: This machine cannot, or one is at work and was not to be waited for.
    """
    namespaces.require()
    with contextlib.ExitStack() as stack:
        stack.enter_context(namespaces.alone(wait=wait))
        folder = stack.enter_context(_scratch(root / "out"))
        program = build_relay(folder)
        trust = trustme.CA()
        trust.cert_pem.write_to_path(folder / "ca.pem")
        namespaces.make(namespaces.CLIENT)
        sides = []
        for number, link in enumerate(links):
            space = f"{namespaces.PREFIX}server{number}"
            namespaces.make(space)
            wire = stack.enter_context(wired(program, number, space, link))
            _send_by(space, number, congestion)
            server = serving(root, folder / space, space, f"10.77.{number}.2", trust)
            sides.append(Side(wire, stack.enter_context(server)))
        yield Laboratory(sides, folder / "ca.pem")


@contextlib.contextmanager
def _scratch(out: Path) -> Iterator[Path]:
    """A folder for what the laboratory itself needs, beside what is fetched."""
    shutil.rmtree(out, ignore_errors=True)  # of a run that was killed
    folder = out / "laboratory"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(out, ignore_errors=True)


def _send_by(space: str, number: int, congestion: str) -> None:
    """Choose how a server's TCP sends: by its route, since the sysctl is refused in a namespace."""
    route = (f"10.77.{number}.0/24", "dev", "path", "src", f"10.77.{number}.2")
    namespaces.ip("-n", space, "route", "replace", *route, "congctl", congestion)
