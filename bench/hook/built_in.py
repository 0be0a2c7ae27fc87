"""The downloader that is built into Windows' engine, as it is documented and observed.

One connection to a distribution point, one file after the other, plain HTTP. The content is judged
when all of it is there; if anything fails, the whole package is fetched again, twice, 15 seconds
apart.

Source: Microsoft Learn, "Task sequence variables", `SMSTSDownloadRetryCount`, `...RetryDelay`;
observed in ``smsts.log``: the listing by PROPFIND, and that a failed package begins at 0 %.
"""

from __future__ import annotations

import http.client
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from defusedxml.ElementTree import fromstring

from bench.hook.package_hash import package_hash
from dlcore.hook.stand_in import VariablesInFile

_DAV = "{DAV:}"
_READ_BYTES = 1 << 18


class DownloadError(Exception):
    """A package cannot be downloaded. The task sequence fails."""


class BuiltIn:
    """The built-in downloader.

    Args:
        url: Where the distribution point's packages are.
        variables: The task sequence's variables.
        sleep: Waits for a number of seconds between two attempts.

    Attributes:
        received_bytes: Of all files, those of failed attempts too.
    """

    def __init__(
        self, url: str, variables: VariablesInFile, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._url = urlsplit(url)
        self._variables = variables
        self._sleep = sleep
        self.received_bytes = 0

    def download(self, package_id: str, destination: Path) -> None:
        """Fetch a package, whole, and judge it by its hash.

        Raises:
            DownloadError: All attempts failed.
        """
        attempts = 1 + int(self._variables.get("SMSTSDownloadRetryCount") or 2)
        delay_s = float(self._variables.get("SMSTSDownloadRetryDelay") or 15)
        reason = ""
        for attempt in range(attempts):
            if attempt:
                self._sleep(delay_s)
            shutil.rmtree(destination, ignore_errors=True)
            destination.mkdir(parents=True)
            try:
                self._fetch(package_id, destination)
            except (OSError, http.client.HTTPException) as error:
                reason = f"{type(error).__name__}: {error}"
                continue
            wanted = self._variables.get(f"_SMSTSPkgHash{package_id}")
            if not wanted or package_hash(destination) == wanted:
                return
            reason = "0x80091007: the hash does not match"
        raise DownloadError(f"package {package_id}: {reason}")

    def _fetch(self, package_id: str, destination: Path) -> None:
        connection = http.client.HTTPConnection(
            self._url.hostname or "", self._url.port, timeout=60
        )
        try:
            for name in self._names(connection, package_id, ""):
                self._file(connection, package_id, name, destination / name)
        finally:
            connection.close()

    def _names(
        self, connection: http.client.HTTPConnection, package_id: str, folder: str
    ) -> Iterator[str]:
        """The files of a package, folder by folder."""
        path = f"{self._url.path}/{package_id}/{folder}"
        connection.request("PROPFIND", quote(path, safe="/$"), headers={"Depth": "1"})
        response = connection.getresponse()
        body = response.read()
        if response.status != 207:
            raise http.client.HTTPException(f"status {response.status}")
        folders = []
        for member in fromstring(body).iter(f"{_DAV}response"):
            href = unquote(member.findtext(f"{_DAV}href") or "").replace("sccm?/", "")
            name = href.partition(f"/{package_id}/")[2].strip("/")
            if member.findtext(f".//{_DAV}iscollection") != "1":
                yield name
            elif name and name != folder.strip("/"):
                folders.append(name)
        for inner in folders:
            yield from self._names(connection, package_id, f"{inner}/")

    def _file(
        self, connection: http.client.HTTPConnection, package_id: str, name: str, target: Path
    ) -> None:
        connection.request("GET", f"{self._url.path}/{package_id}/sccm?/{quote(name)}")
        response = connection.getresponse()
        if response.status != 200:
            response.read()
            raise http.client.HTTPException(f"status {response.status}")
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            while data := response.read(_READ_BYTES):
                self.received_bytes += len(data)
                file.write(data)
