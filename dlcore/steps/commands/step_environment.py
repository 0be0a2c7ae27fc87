"""The environment that the commands of steps get.

Guarantees: it holds no credential that dlcore was given: no variable that an endpoint's settings
name, and none of `secret_variables`. A task sequence variable does not replace what the process
has, and none of the variables that decide which code a program loads is ever set from one. Names
are compared without regard to case, on every system, as task sequences do. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from dlcore.steps.commands.secret_variables import OWN_PREFIX, PROXY, secret_names, without_login

MAX_VALUE_CHARACTERS: Final = 32_767
"""Source: Microsoft Learn, "Environment Variables": the longest value that Windows allows."""

_LOADER_VARIABLES = """
    BASHOPTS CDPATH CLASSPATH COMSPEC CURL_CA_BUNDLE EDITOR ENV GCONV_PATH GLIBC_TUNABLES GLOBIGNORE
    HOME HOSTALIASES IFS JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS LESSOPEN LOCPATH NLSPATH PAGER PATH
    PATHEXT PERLLIB PROMPT_COMMAND PS4 PSMODULEPATH REQUESTS_CA_BUNDLE RES_OPTIONS SHELL SHELLOPTS
    SYSTEMDRIVE SYSTEMROOT TEMP TMP TMPDIR VISUAL WINDIR ZDOTDIR _JAVA_OPTIONS __COMPAT_LAYER
    __PSLOCKDOWNPOLICY
"""
_LOADER_PREFIXES = """
    BASH_ COMPLUS_ CORECLR_ COR_ DOTNET_ DYLD_ GIT_ LD_ MALLOC_ NODE_ NPM_CONFIG_ OPENSSL_ PERL5
    PIP_ PYTHON RUBY SSL_CERT_
"""
LOADER_VARIABLES: Final = frozenset(_LOADER_VARIABLES.split())
"""Variables that decide which code a program loads, or which certificates it trusts."""

LOADER_PREFIXES: Final = tuple(_LOADER_PREFIXES.split())
"""The beginnings of the names of more such variables."""

_NAME: Final = re.compile(r"[\w.()\-]+")


class StepEnvironment(NamedTuple):
    """What the commands of a step get.

    Attributes:
        values: The environment.
        withheld: Names of variables of the process that are not in it.
        not_set: Names of task sequence variables that are not in it.
    """

    values: dict[str, str]
    withheld: tuple[str, ...]
    not_set: tuple[str, ...]


def step_environment(
    process: Mapping[str, str], variables: Mapping[str, str], secret_variables: Collection[str]
) -> StepEnvironment:
    """Build the environment of a step's commands.

    Args:
        process: The environment of this process.
        variables: Task sequence variables.
        secret_variables: Names of further variables of the process that hold credentials.
    """
    secret = secret_names(process, secret_variables)
    values = {n: without_login(n, value) for n, value in process.items() if n not in secret}
    taken = {name.upper() for name in (*process, *secret_variables)}
    settable = {name: value for name, value in variables.items() if _may_set(name, value, taken)}
    return StepEnvironment(
        {**settable, **values},
        tuple(sorted(process.keys() - values.keys())),
        tuple(sorted(variables.keys() - settable.keys())),
    )


def _may_set(name: str, value: str, taken: Collection[str]) -> bool:
    upper = name.upper()
    is_fit = _NAME.fullmatch(name) and "\0" not in value and len(value) <= MAX_VALUE_CHARACTERS
    is_loader = upper in LOADER_VARIABLES or upper.startswith((*LOADER_PREFIXES, OWN_PREFIX))
    return bool(is_fit) and not is_loader and upper not in taken and not PROXY.fullmatch(name)
