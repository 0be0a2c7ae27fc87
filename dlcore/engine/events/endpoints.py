"""Events that tell how endpoints behave, and what is decided about them."""

from __future__ import annotations

import msgspec

from dlcore.engine.events.event import Event


class EndpointDropped(Event, frozen=True):
    """An endpoint is not asked any more, until a download retry.

    If ``fault`` is ``corrupt``, it is quarantined for the rest of the run: it is asked only for
    what no other endpoint has. If it is then dropped for good, `EndpointNote` tells that.

    Attributes:
        endpoint: Its name.
        fault: How it failed last (see ``dlcore.errors.Fault``).
    """

    endpoint: str
    fault: str


class EndpointNote(Event, frozen=True):
    """The scheduler decided something about an endpoint.

    Attributes:
        endpoint: Its name.
        what: One of `dlcore.schedule.EndpointChange`.
        reason: Why, in words.
    """

    endpoint: str
    what: str
    reason: str


class EndpointBusy(Event, frozen=True):
    """An endpoint asked for time before it tells what it holds.

    Attributes:
        endpoint: Its name.
        wait_s: Seconds until it is asked again.
    """

    endpoint: str
    wait_s: float


class BoundaryChanged(Event, frozen=True):
    """Which boundary groups may be used has changed, or will.

    Attributes:
        cause: ``began`` (told again when a run begins), ``network`` (the machine has moved),
            ``fallback`` (the groups before could not serve something) or ``waiting`` (for a
            fallback time).
        groups: The groups that may be used now, the best first, each with its endpoints.
        reason: Why, in words.
        costs: The costs of these endpoints, as the settings have them; without those that are 0.
    """

    cause: str
    groups: dict[str, tuple[str, ...]]
    reason: str
    costs: dict[str, int] = msgspec.field(default_factory=dict)


class EndpointRenewed(Event, frozen=True):
    """A credential or signed locations were renewed.

    Attributes:
        endpoint: Its name.
        what: ``token``, ``locations``, ``signature`` or ``login``.
        reason: ``expiring`` or ``rejected``.
        took_s: Seconds that it took. If it was ahead of time, nothing waited for it.
    """

    endpoint: str
    what: str
    reason: str
    took_s: float = 0.0


class EndpointAwaited(Event, frozen=True):
    """An endpoint did not tell what it holds; it is asked again later.

    Attributes:
        endpoint: Its name.
        wait_s: Seconds until it is asked again.
        message: What it failed with.
    """

    endpoint: str
    wait_s: float
    message: str
