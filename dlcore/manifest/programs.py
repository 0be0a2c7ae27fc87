"""Checks the programs of a package: their names and command lines."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import msgspec

from dlcore.errors import ManifestError
from dlcore.manifest.refusal import printable
from dlcore.model import Manifest, Program
from dlcore.printable import printable as visible

SCHEMA: Final = 3  # of a manifest with programs, and of no other
MAX_PROGRAMS: Final = 100
"""Arbitrary: far more than packages have, and little enough to list in a message."""

MAX_NAME_CHARACTERS: Final = 50
"""Source: ConfigMgr SDK, SMS_Program, property ProgramName."""

MAX_COMMAND_CHARACTERS: Final = 8_191
"""Source: Microsoft Learn, "Command prompt line string limitation"."""


def _check_program(program: Program) -> None:
    """Check one program.

    Raises:
        ManifestError: Its name or command line breaks a rule of ``docs/formats.md``.
    """
    for what, text, limit in (
        ("name", program.name, MAX_NAME_CHARACTERS),
        ("command line", program.command, MAX_COMMAND_CHARACTERS),
    ):
        if not text or text != text.strip() or len(text) > limit or visible(text) != text:
            raise ManifestError(
                f"program '{printable(program.name[:80])}': its {what} is not 1 to {limit}"
                " visible characters without space around them",
                remedy="Correct the program.",
            )


def check_programs(programs: Mapping[str, str]) -> None:
    """Check programs that are to be published.

    Args:
        programs: Command lines by name.

    Raises:
        ManifestError: There are too many, or one of them breaks a rule of ``docs/formats.md``.
    """
    _check_list(_sorted(programs))


def with_programs(manifest: Manifest, programs: Mapping[str, str]) -> Manifest:
    """A manifest that states programs, in the schema that has them; the same if there are none.

    Args:
        manifest: Without programs.
        programs: Command lines by name; they passed `check_programs`.
    """
    if not programs:
        return manifest
    return msgspec.structs.replace(manifest, schema=SCHEMA, stated_programs=_sorted(programs))


def check_stated(manifest: Manifest) -> None:
    """Check the programs of a manifest.

    Raises:
        ManifestError: They break a rule of ``docs/formats.md``, or its schema has none.
    """
    stated = manifest.stated_programs
    has_some = stated is not msgspec.UNSET and len(stated) > 0
    if has_some != (manifest.schema == SCHEMA) or has_some is (stated is msgspec.UNSET):
        raise ManifestError(f"a manifest has programs if its schema is {SCHEMA}, and only then")
    _check_list(stated or ())


def _sorted(programs: Mapping[str, str]) -> tuple[Program, ...]:
    return tuple(Program(name, programs[name]) for name in sorted(programs))


def _check_list(programs: tuple[Program, ...]) -> None:
    if len(programs) > MAX_PROGRAMS:
        raise ManifestError(
            f"programs: {len(programs)} are too many; at most {MAX_PROGRAMS} are accepted",
            remedy="Split the package.",
        )
    for program in programs:
        _check_program(program)
    for first, second in pairwise(programs):
        if first.name >= second.name:
            raise ManifestError(f"program '{printable(second.name)}' is repeated or out of order")
