"""Looks at this installation, the state directory and the endpoints, and has them judged.

Guarantees: what cannot be looked at becomes a check, never an error. Nothing stays on the disk, no
content is fetched but each endpoint's catalog, and no check tells a secret. A wrong password is
shown to one server, once.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from dlcore import extras, native
from dlcore.deployment import Check, CheckOutcome
from dlcore.disk.faults import storage_error
from dlcore.disk.file_system import kind_of
from dlcore.disk.ownership import check_way
from dlcore.disk.trial import try_disk
from dlcore.doctor import installation, state_directory, way_to_endpoint
from dlcore.engine.numbers_for_people import counted
from dlcore.errors import ConfigError, DlcoreError, Fault, OwnershipError, TransferError
from dlcore.long_path import long_path, rooted
from dlcore.manifest import MAX_CATALOG_BYTES, decode_catalog
from dlcore.model import CATALOG_KEY, EndpointKind, EndpointSettings
from dlcore.store import Reserve, space_at
from dlcore.transfer import (
    ConnectionPool,
    authorities,
    contact_endpoint,
    open_endpoint,
    try_credentials,
    try_login,
)
from dlcore.waiting import in_thread

_WITHOUT_CATALOG = (
    "Publish there, or have the catalog from another endpoint or from a file. An endpoint of single"
    " files needs none."
)


class Diagnosis(msgspec.Struct, frozen=True):
    """What was found.

    Attributes:
        machine: Checks of the installation and the state directory.
        endpoints: Checks of each endpoint, by its name.
    """

    machine: tuple[Check, ...]
    endpoints: dict[str, tuple[Check, ...]]

    @property
    def is_sound(self) -> bool:
        """Whether no check failed."""
        return not any(check.outcome is CheckOutcome.FAILED for check in self._all())

    def _all(self) -> Iterable[Check]:
        yield from self.machine
        for checks in self.endpoints.values():
            yield from checks


async def examine(version: str, endpoints: Sequence[EndpointSettings], state: Path) -> Diagnosis:
    """Make every check.

    Args:
        version: Of dlcore.
        endpoints: Those to ask, all at once.
        state: The state directory; it need not exist, and is not made.
    """
    machine = (*_installation(version), *await in_thread(_place, state))
    pool = ConnectionPool()  # one, so that a wrong password is shown once
    found = await asyncio.gather(*(_endpoint(each, pool) for each in endpoints))
    names = (each.name for each in endpoints)
    return Diagnosis(machine, dict(zip(names, found, strict=True)))


def _installation(version: str) -> tuple[Check, ...]:
    return (
        installation.versions(version, platform.python_version(), sys.executable),
        installation.core(native.core_name(), native.describe()),
        installation.extras(extras.missing()),
        installation.trust_store(authorities()),
    )


def _place(state: Path) -> tuple[Check, ...]:
    state = rooted(state)
    refusal = _refusal(state)
    try:
        folder = next(each for each in (state, *state.parents) if each.exists())
        space, kind = space_at(folder), kind_of(folder.resolve())
    except OSError as error:
        return (state_directory.rights(state, refusal or storage_error(error, "look at", state)),)
    trial = try_disk(folder)
    return (
        state_directory.rights(state, refusal),
        state_directory.room(space, Reserve()),
        state_directory.file_system(kind),
        state_directory.writing(folder, trial),
        state_directory.long_names(trial),
        state_directory.long_paths(trial),
    )


def _refusal(state: Path) -> DlcoreError | None:
    try:
        check_way(state)
    except OwnershipError as error:
        return error
    except OSError as error:
        return storage_error(error, "look at the state directory", state)
    return None


async def _endpoint(settings: EndpointSettings, pool: ConnectionPool) -> tuple[Check, ...]:
    try:
        if settings.is_folder:
            return await _folder(settings, pool)
        contact = await contact_endpoint(settings, pool)
        if contact is None:
            return (await _catalog(settings, pool),)
        credentials = await in_thread(_credentials, settings)
        checks = (*way_to_endpoint.checks(contact, settings.ca_file or authorities()), credentials)
        if not contact.status:
            return (*checks, _unasked("the endpoint was not reached"))
        if credentials.outcome is CheckOutcome.FAILED:
            return (*checks, _unasked("its credentials cannot be used"))
        login = await _login(settings, pool)
        return (*checks, *login, await _catalog(settings, pool))
    except DlcoreError as error:  # before any request: the settings
        return (Check("settings", CheckOutcome.FAILED, error.message, error.remedy),)


async def _folder(settings: EndpointSettings, pool: ConnectionPool) -> tuple[Check, ...]:
    folder = way_to_endpoint.folder(
        settings.url, await in_thread(_fault_of_folder, Path(settings.url))
    )
    if folder.outcome is CheckOutcome.FAILED:
        return (folder, _unasked("the folder cannot be read"))
    return (folder, await _catalog(settings, pool))


def _fault_of_folder(path: Path) -> OSError | None:
    try:
        with os.scandir(long_path(path)) as entries:
            next(entries, None)
    except OSError as error:
        return error
    return None


def _credentials(settings: EndpointSettings) -> Check:
    try:
        return way_to_endpoint.credentials(try_credentials(settings))
    except ConfigError as error:
        return Check("credentials", CheckOutcome.FAILED, error.message, error.remedy)


async def _login(settings: EndpointSettings, pool: ConnectionPool) -> tuple[Check, ...]:
    """Whether a server that has no catalog lets this client in; no check for all others."""
    try:
        is_asked = await try_login(settings, pool)
    except TransferError as error:
        return (Check("login", CheckOutcome.FAILED, error.message, error.remedy),)
    passed = Check("login", CheckOutcome.PASSED, "the server lets this client in")
    return (passed,) if is_asked else ()


def _unasked(why: str) -> Check:
    return Check("catalog", CheckOutcome.NOT_EXAMINED, why)


async def _catalog(settings: EndpointSettings, pool: ConnectionPool) -> Check:
    """Whether the endpoint gives this client its catalog; reading it needs its credentials."""
    if settings.kind in {EndpointKind.DP, EndpointKind.CONTENT_LIBRARY}:
        detail = "this kind of endpoint has none"
        return Check("catalog", CheckOutcome.DOES_NOT_APPLY, detail)
    endpoint = open_endpoint(settings, pool=pool)
    try:
        document = await endpoint.read_document(CATALOG_KEY, MAX_CATALOG_BYTES)
        packages = decode_catalog(document, source=CATALOG_KEY).packages
    except DlcoreError as error:
        if isinstance(error, TransferError) and error.fault is Fault.NOT_FOUND:
            return Check("catalog", CheckOutcome.WARNING, error.message, _WITHOUT_CATALOG)
        return Check("catalog", CheckOutcome.FAILED, error.message, error.remedy)
    finally:
        await endpoint.aclose()
    detail = f"{counted(len(packages), 'package')}, as the endpoint says"
    return Check("catalog", CheckOutcome.PASSED, detail)
