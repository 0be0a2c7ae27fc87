"""What an option is called in the configuration file and in the environment.

An option has the same name everywhere: ``--token-file`` of ``dlcore fetch`` is ``token-file`` in
the table ``[fetch]``, and ``DLCORE_FETCH_TOKEN_FILE``. Options that mean the same for several
commands are *common*: they may also be set for all of them at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import click

PREFIX: Final = "DLCORE_"

COMMON: Final = frozenset(
    """
    ca-file from sas-file seed state token-file trust-root
    event-log events events-file json log-file log-format
    dry-run limit-rate otel quiet verbose wait
    passphrase-file root sign-with
    """.split()  # noqa: SIM905  # plainer than a name a line
)
"""Names of common options. ``config`` is not one: DLCORE_CONFIG names the configuration file."""

OF_ONE_COMMAND: Final = {("serve", "state")}
"""Options with the name of a common one and another meaning."""

OTHER_VARIABLES: Final = frozenset(
    {
        "DLCORE_CONFIG",
        "DLCORE_DEBUG",
        "DLCORE_SAS",
        "DLCORE_TOKEN",
        "DLCORE_TRUST_PASSPHRASE",
        "DLCORE_NATIVE",
        "DLCORE_RECEIVE",
        "DLCORE_SHA256_BACKEND",
        "DLCORE_WRITE",
    }
)
"""Variables that set no option."""

SECRETS: Final = frozenset({"token", "sas", "passphrase", "password", "secret"})
"""What somebody may take for an option who wants to give a secret."""

Words = tuple[str, ...]
"""A command: the words behind ``dlcore``, such as ``("trust", "init")``."""


def words_of(command_path: str) -> Words:
    """The command of a path of click's: ``dlcore trust init``."""
    return tuple(command_path.split()[1:])


def name_of(option: click.Option) -> str:
    """The name of an option, without its dashes."""
    return next((o for o in option.opts if o.startswith("--")), option.opts[0]).lstrip("-")


def configurable(parameters: Iterable[click.Parameter]) -> list[click.Option]:
    """The options that can be set elsewhere than on the command line."""
    return [p for p in parameters if isinstance(p, click.Option) and not p.is_eager]


def is_common(command: Words, name: str) -> bool:
    """Whether an option of a command may be set for all commands at once."""
    return name in COMMON and (*command, name) not in OF_ONE_COMMAND


def variables(command: Words, name: str) -> Sequence[str]:
    """The environment variables of an option; the first one that is set counts."""
    own = variable_of(*command, name)
    return (own, variable_of(name)) if is_common(command, name) else (own,)


def variable_of(*words: str) -> str:
    """The variable that these words make: those of a command, and perhaps an option's name."""
    return PREFIX + "_".join(words).replace("-", "_").upper()
