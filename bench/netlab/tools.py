"""The tools: what each is called, how it is told to fetch, and what it checks on arrival.

Each gets the options that make it fastest here and that its manual names for this, and nothing
that was tuned for one link. None of the others checks what arrives unless it says so.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

DLCORE = [sys.executable, "-m", "dlcore"]  # that of the tree one stands in
LIBRARIES = str(Path(__file__).with_name("library_rivals.py"))


class Job(NamedTuple):
    """What to fetch: one object, or a list of files.

    Attributes:
        bases: URLs of the published folder, one an endpoint.
        object: Path of the object below one of them; "" if it is a list.
        listed: File with the paths of the files below ``bases[0]``, one a line; for a list.
        manifest: What describes it.
        sha256: Of the object, hex.
        output: Folder to put it into.
        authority: PEM file to trust; None over plain HTTP.
    """

    bases: list[str]
    object: str
    listed: Path
    manifest: Path
    sha256: str
    output: Path
    authority: Path | None = None

    @property
    def url(self) -> str:
        return f"{self.bases[0]}/{self.object}"

    @property
    def target(self) -> str:
        return str(self.output / "image.bin")

    def trust(self, option: str) -> list[str]:
        return [f"{option}{self.authority}"] if self.authority else []

    def trusting(self) -> list[str]:
        """What to put before a program that has no option for it, but asks OpenSSL's variable."""
        return ["env", *self.trust("SSL_CERT_FILE=")] if self.authority else []

    def spelled(self, name: str, line: str) -> str:
        """A list with each file written as one tool wants it; its path."""
        path = self.listed.with_name(f"{name}.list")
        files = self.listed.read_text(encoding="utf-8").split()
        lines = (line.format(url=f"{self.bases[0]}/{file}", file=file, job=self) for file in files)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return str(path)


Way = Callable[[Job], list[str]]


class Tool(NamedTuple):
    """A program or library.

    Attributes:
        name: As it is called.
        needs: Executable or importable module.
        install: How to get it.
        verified: What it has checked when it ends.
        one: Command for one object.
        many: Command for a list of files.
    """

    name: str
    needs: str
    install: str
    verified: str
    one: Way
    many: Way | None = None

    def is_installed(self) -> bool:
        """Whether it can be measured here."""
        if self.install.startswith("pip"):
            try:
                return importlib.util.find_spec(self.needs) is not None
            except ModuleNotFoundError:  # not even the package that the module is in
                return False
        return shutil.which(self.needs) is not None


def dlcore(job: Job) -> list[str]:
    sources = [word for base in job.bases for word in ("--from", base)]
    command = [*DLCORE, "fetch", str(job.manifest), *sources, "-o", str(job.output), "-q", "--json"]
    return [*command, *(["--ca-file", str(job.authority)] if job.authority else [])]


def _curl(job: Job) -> list[str]:
    trust = ["--cacert", str(job.authority)] if job.authority else []
    return ["curl", "-sSf", "--create-dirs", "-o", job.target, *trust, job.url]


def _curl_many(job: Job) -> list[str]:
    config = job.spelled("curl", 'url = "{url}"\noutput = "{job.output}/{file}"')
    return ["curl", "-sSf", "--create-dirs", "--parallel", "--parallel-max", "64", "-K", config]


def _wget2(job: Job) -> list[str]:
    trust = job.trust("--ca-certificate=")
    return ["wget2", "-q", "--no-config", *trust, "-P", str(job.output), "-O", job.target, job.url]


def _wget2_many(job: Job) -> list[str]:
    listed = job.spelled("wget2", "{url}")
    above = urlsplit(job.bases[0]).path.strip("/").count("/") + 1
    options = ["-q", "--no-config", "--max-threads=64", "-x", "-nH", f"--cut-dirs={above}"]
    return ["wget2", *options, "-P", str(job.output), "-i", listed]


def _aria2(job: Job) -> list[str]:
    command = ["aria2c", "-q", "--no-conf", "-x16", "-s16", "-k1M", "--file-allocation=none"]
    command += [f"--checksum=sha-256={job.sha256}", *job.trust("--ca-certificate=")]
    return [*command, "-d", str(job.output), "-o", "image.bin", job.url]


def _aria2_many(job: Job) -> list[str]:
    listed = job.spelled("aria2", "{url}\n out={file}")
    return ["aria2c", "-q", "--no-conf", "-j64", "-x16", "-d", str(job.output), "-i", listed]


def _axel(job: Job) -> list[str]:
    return [*job.trusting(), "axel", "-q", "-n", "16", "-o", job.target, job.url]


def _rclone(job: Job) -> list[str]:
    command = ["rclone", "copyto", "-q", "--config=", *job.trust("--ca-cert=")]
    command += ["--multi-thread-streams=16", "--multi-thread-cutoff=4M"]
    return [*command, f"--http-url={job.bases[0]}", f":http:{job.object}", job.target]


def _rclone_many(job: Job) -> list[str]:
    command = ["rclone", "copy", "-q", "--config=", "--transfers=64", "--checkers=64"]
    command += ["--no-traverse", f"--files-from-raw={job.listed}"]
    return [*command, f"--http-url={job.bases[0]}", ":http:", str(job.output)]


def _library(name: str) -> Way:
    def command(job: Job) -> list[str]:
        trust = [str(job.authority)] if job.authority else []
        return [*job.trusting(), sys.executable, LIBRARIES, name, job.url, job.target, *trust]

    return command


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("dlcore", sys.executable, "make test", "every block, on arrival", dlcore, dlcore),
        Tool("curl", "curl", "apt-get install curl", "nothing", _curl, _curl_many),
        Tool("wget2", "wget2", "apt-get install wget2", "nothing", _wget2, _wget2_many),
        Tool(
            "aria2", "aria2c", "apt-get install aria2", "the file, afterwards", _aria2, _aria2_many
        ),
        Tool("axel", "axel", "apt-get install axel", "nothing", _axel),
        Tool("rclone", "rclone", "apt-get install rclone", "nothing", _rclone, _rclone_many),
        Tool("aiohttp", "aiohttp", "pip install aiohttp", "nothing", _library("aiohttp")),
        Tool(
            "azure-storage-blob",
            "azure.storage.blob",
            "pip install azure-storage-blob",
            "nothing",
            _library("azure"),
        ),
        Tool("obstore", "obstore", "pip install obstore", "nothing", _library("obstore")),
        Tool("pypdl", "pypdl", "pip install pypdl", "nothing", _library("pypdl")),
    )
}
