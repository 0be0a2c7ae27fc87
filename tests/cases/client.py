"""A client on the intranet that runs small task sequences as a user does."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path

import pytest

from dlcore.cli import main
from tests.cli.helpers import Ended


class Client:
    """Plans and runs task sequences.

    Args:
        folder: Its own; the state directory is in it.
        site: The published folder.
        variables: The deployment's ``[variables]``.

    Attributes:
        folder: As given.
        state: The state directory.
        trace: A file; the variable ``Trace`` has its path, so that steps can write to it.
        config: The settings.
    """

    def __init__(self, folder: Path, site: Path, variables: Mapping[str, str]) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.trace = folder / "trace"
        rows = "".join(f"{name} = '{value}'\n" for name, value in variables.items())
        self.config = folder / "client.toml"
        self.config.write_text(
            f"[client]\non_internet = false\n[catalog]\npath = '{site}/catalog.json'\n"
            f"[variables]\nTrace = '{self.trace}'\n{rows}"
            f"[[endpoint]]\nname = 'folder'\nkind = 'file'\npath = '{site}'\n",
            encoding="utf-8",
        )

    def plan(self, sequence: str | bytes, *options: str) -> Ended:
        """``dlcore plan`` with these settings, as JSON."""
        return self._call("plan", sequence, "--json", *options)

    def run(self, sequence: str | bytes, *options: str) -> Ended:
        """``dlcore run``, with its report as JSON."""
        return self._call("run", sequence, "--json", *options)

    def traced(self) -> list[str]:
        """The lines that steps have written to the file that ``%Trace%`` names."""
        return self.trace.read_text(encoding="utf-8").splitlines() if self.trace.exists() else []

    def _call(self, command: str, sequence: str | bytes, *options: str) -> Ended:
        path = self.folder / "sequence"
        path.write_bytes(sequence.encode() if isinstance(sequence, str) else sequence)
        where = ("--config", self.config, "--state", self.state)
        return _in_this_process(command, path, *where, *options)


def _in_this_process(*arguments: object) -> Ended:
    """Run a command as `Here` does: a process for each would take four times as long."""
    out, err = _stream(), _stream()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return Ended(ended.value.code, _text(out), _text(err))


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def client_with(published: Path, folder: Path, **variables: str) -> Client:
    """A client whose deployment sets variables."""
    return Client(folder, published, variables)


def steps_of(ended: Ended) -> dict[str, str]:
    """What became of each step, by its name: why it was left out or failed, or how it ended."""
    return {
        step["name"]: step["skip_reason"] or step["message"] or step["outcome"]
        for step in ended.document["steps"]
    }


def needs_of(ended: Ended) -> dict[str, list[str]]:
    """The packages of each step of a plan, by its name."""
    return {step["name"]: step["packages"] for step in ended.document["steps"]}
