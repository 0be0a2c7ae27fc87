"""The links and contents that are measured, and what dlcore should reach on them."""

from __future__ import annotations

from typing import NamedTuple

from bench.netlab.link import Link


class Profile(NamedTuple):
    """One link and what to fetch over it.

    Attributes:
        name: Of the profile.
        link: What it is like.
        mib: Size of the object that dlcore fetches.
        rival_mib: Size of the object that the others fetch: smaller where they are slow.
        files: Number of files of 16 KiB to fetch in place of one object.
        congestion: The server's TCP congestion control.
        tls: Whether over TLS.
        at_least: Share of the link that dlcore should reach.
        lead: How many times the best rival's share dlcore should reach; 0.0: not asked.
    """

    name: str
    link: Link
    mib: int
    rival_mib: int
    files: int = 0
    congestion: str = "cubic"
    tls: bool = False
    at_least: float = 0.0
    lead: float = 0.0


SMALL_FILE_BYTES = 16 << 10
CLEAN = Link(1000, 40)
FAR = Link(500, 80, 0.001)
POOR = Link(100, 50, 0.005)
LTE = Link(20, 200, 0.005, queue_ms=300)
SATELLITE = Link(20, 600, 0.001, queue_ms=200)
DSL = Link(6, 50, queue_ms=500)
WIFI = Link(50, 20, 0.02, queue_ms=100)

PROFILES = {
    profile.name: profile
    for profile in (
        Profile("clean", CLEAN, 1024, 1024, at_least=0.95, lead=1.0),
        Profile("far", FAR, 1024, 256, at_least=0.93, lead=1.4),
        Profile("poor", POOR, 256, 64, at_least=0.95, lead=1.4),
        Profile("small", FAR, 0, 0, files=2000, at_least=0.36, lead=1.4),
        Profile("lte", LTE, 24, 24, at_least=0.88, lead=1.0),
        Profile("satellite", SATELLITE, 24, 24, at_least=0.63, lead=1.0),
        Profile("dsl", DSL, 24, 24, at_least=0.98, lead=1.0),
        Profile("wifi", WIFI, 24, 24, at_least=0.93, lead=1.0),
        Profile("far-bbr", FAR, 1024, 256, congestion="bbr", at_least=0.93),
        Profile("poor-bbr", POOR, 256, 64, congestion="bbr", at_least=0.93),
        Profile("clean-tls", CLEAN, 1024, 1024, tls=True),
        Profile("far-tls", FAR, 1024, 256, tls=True),
    )
}
USUAL = (
    "clean",
    "far",
    "poor",
    "small",
    "lte",
    "satellite",
    "dsl",
    "wifi",
    "far-bbr",
    "poor-bbr",
)
