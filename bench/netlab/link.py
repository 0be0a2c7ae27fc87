"""One link: its figures, and the relay that makes it true."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.netlab import namespaces
from bench.netlab.namespaces import LaboratoryError

MTU, SEGMENT = 1500, 1448  # a full packet, and its payload: IP, TCP and timestamps take 52 bytes
WAITING_PACKETS = "16384"  # between the kernel and the relay; the link's own queue is the relay's


class Link(NamedTuple):
    """What a link is like, from the server to the client; the way back has no loss.

    Attributes:
        rate_mbit: Mbit/s on the wire, headers included.
        rtt_ms: Round trip of an empty link.
        loss: Share of the data packets that get lost.
        queue_ms: How long a packet may wait for its turn; those behind are dropped.
    """

    rate_mbit: float
    rtt_ms: float
    loss: float = 0.0
    queue_ms: float = 50.0

    @property
    def payload_bytes_per_s(self) -> float:
        """Bytes/s of payload that fit through, at most."""
        return self.rate_mbit * 1e6 / 8 * SEGMENT / MTU

    def __str__(self) -> str:
        loss = f", {self.loss:.1%} loss" if self.loss else ""
        return f"{self.rate_mbit:g} Mbit/s, {self.rtt_ms:g} ms{loss}"


class Traffic(msgspec.Struct, frozen=True):
    """What a link carried since it was last set.

    Attributes:
        delivered: Packets to the client.
        delivered_bytes: Their bytes, headers included.
        lost: Packets lost by chance (and by a cut).
        overflowed: Packets that found the queue full.
        connections: TCP connections that the client opened, or tried to.
        up_bytes: Bytes to the server.
        late_mean_us: By how much the relay was late, on average.
        late_most_us: The same at its worst: a busy machine shows here.
        cpu_s: CPU seconds of the relay, the receiving TCP included: it runs on its account.
    """

    delivered: int
    delivered_bytes: int
    lost: int
    overflowed: int
    connections: int
    up_bytes: int
    late_mean_us: float
    late_most_us: float
    cpu_s: float


class Wire:
    """A running link between the client's namespace and one server's."""

    def __init__(self, relay: subprocess.Popen[str], link: Link) -> None:
        self._relay = relay
        self.link = link

    def set(self, link: Link, seed: int = 1) -> None:
        """Make the link so from now on; its traffic is counted from zero."""
        self.link = link
        rate_bytes_per_s, loss = link.rate_mbit * 1e6 / 8, round(link.loss * 1e6)
        one_way_us, queue_us = round(link.rtt_ms * 500), round(link.queue_ms * 1000)
        self._tell(f"set {rate_bytes_per_s:.0f} {one_way_us} {loss} {queue_us} {seed}")

    def cut(self) -> None:
        """Let nothing pass any more, as if somebody pulled the plug."""
        self._tell("cut")

    def traffic(self) -> Traffic:
        """What it carried since it was set."""
        return msgspec.json.decode(self._tell("report"), type=Traffic)

    def _tell(self, line: str) -> str:
        assert self._relay.stdin is not None
        assert self._relay.stdout is not None
        try:
            self._relay.stdin.write(f"{line}\n")
            self._relay.stdin.flush()
            answer = self._relay.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise LaboratoryError("the relay has ended")
        return answer


@contextlib.contextmanager
def wired(program: Path, number: int, server: str, link: Link) -> Iterator[Wire]:
    """Join the client's namespace with the server's; addresses are 10.77.NUMBER.1 and .2."""
    near, far = f"path{number}", "path"
    command = [str(program), namespaces.CLIENT, near, server, far]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as relay:
        try:
            wire = Wire(relay, link)
            wire.set(link)
            for space, device, end in ((namespaces.CLIENT, near, 1), (server, far, 2)):
                address = f"10.77.{number}.{end}/24"
                namespaces.ip("-n", space, "addr", "add", address, "dev", device)
                limits = ("mtu", str(MTU), "txqueuelen", WAITING_PACKETS)
                namespaces.ip("-n", space, "link", "set", device, "up", *limits)
            yield wire
        finally:
            relay.kill()


def build_relay(folder: Path) -> Path:
    """Compile the relay."""
    program = folder / "relay"
    source = Path(__file__).with_name("relay.c")
    namespaces.run(["cc", "-O2", "-o", str(program), str(source)])
    return program
