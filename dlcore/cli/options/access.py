"""The options that open the endpoints of a command line: secrets only by where they lie.

A command line can be read by every user of a machine, and stays in the shell's history. So no
option takes a secret; each takes a file, or the environment has it.
"""

from __future__ import annotations

import functools
import os
import shlex
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from dlcore.cli.options.checked_values import checked_by
from dlcore.engine.fetching.access import Access
from dlcore.model import Authentication, WebAccess
from dlcore.transfer import check_header, check_proxy, users_netrc_file

PASSPHRASE_ENV = "DLCORE_CLIENT_KEY_PASSPHRASE"  # noqa: S105  # the name of a variable
PROXY_PASSWORD_ENV = "DLCORE_PROXY_PASSWORD"  # noqa: S105  # the name of a variable

Command = TypeVar("Command", bound=Callable[..., Any])


def _file_option(name: str, help_text: str) -> Callable[[Command], Command]:
    return click.option(name, default="", metavar="FILE", help=help_text)


def command_words(command: str) -> tuple[str, ...]:
    """The program and the arguments of ``--credential-command``.

    Raises:
        click.BadParameter: A quotation mark is missing. The message does not repeat the command.
    """
    try:
        words = shlex.split(command, posix=sys.platform != "win32")
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return tuple(word.strip('"') if sys.platform == "win32" else word for word in words)


def _as_words(ctx: click.Context, param: click.Parameter, command: str) -> tuple[str, ...]:
    return command_words(command)


_OPTIONS = (
    _file_option(
        "--token-file",
        "File with the registration token of a CMG or cloud DP; by default the environment "
        "variable DLCORE_TOKEN has the token.",
    ),
    _file_option(
        "--sas-file",
        "File with the shared access signature of a blob endpoint; by default the environment "
        "variable DLCORE_SAS has it, or the container is public.",
    ),
    _file_option("--ca-file", "Certificate authorities (PEM) to trust in place of the system's."),
    _file_option(
        "--client-cert",
        "Certificate (PEM) to show to a server that asks for one; see --client-key.",
    ),
    _file_option(
        "--client-key",
        "Private key (PEM) of --client-cert, if that file does not have it. It may be encrypted.",
    ),
    _file_option(
        "--client-key-passphrase-file",
        f"File with the passphrase of --client-key; by default {PASSPHRASE_ENV} has it.",
    ),
    click.option(
        "--authentication",
        type=click.Choice([each.value for each in Authentication]),
        default=Authentication.BASIC.value,
        show_default=True,
        help="How to log in at the server of the first URL: 'negotiate' and 'ntlm' are Windows "
        "authentication, as this process or as the user in the URL (https://DOMAIN%5CUSER@HOST).",
    ),
    click.option(
        "--login-without-tls",
        "logs_in_without_tls",
        is_flag=True,
        help="Use Windows authentication also over plain http, where others can try passwords on "
        "what they read.",
    ),
    _file_option(
        "--password-file",
        "File with the password of the user in a URL (https://USER@HOST/...); by default the "
        "environment variable DLCORE_PASSWORD has it.",
    ),
    click.option(
        "-n", "--netrc", "uses_netrc", is_flag=True, help="Log in as .netrc says for each host."
    ),
    _file_option("--netrc-file", "The same, with another file."),
    click.option(
        "--header",
        "headers",
        multiple=True,
        callback=checked_by(check_header),
        metavar="'NAME: VALUE'|@FILE",
        help="Send this header field to the server of the first URL, and to no other; may be "
        "repeated. With @FILE, each line of the file is a header: keep secrets there, because "
        "others can read a command line.",
    ),
    click.option(
        "--credential-command",
        default="",
        callback=_as_words,
        metavar="COMMAND",
        help="Ask this credential helper, of the form that Git uses, for the login at the server "
        "of the first URL.",
    ),
    click.option(
        "--proxy",
        default="",
        callback=checked_by(check_proxy),
        metavar="URL",
        help="Proxy to use in place of the environment's: http://HOST:PORT, or SOCKS as "
        "socks5h://HOST:PORT, perhaps with USER@; or a script that names it, "
        "pac+https://HOST/proxy.pac. NO_PROXY lists exceptions.",
    ),
    click.option(
        "--proxy-authentication",
        type=click.Choice([each.value for each in Authentication]),
        default=Authentication.BASIC.value,
        show_default=True,
        help="How to log in at the proxy: 'negotiate' and 'ntlm' are Windows authentication, as "
        "this process or as the user in --proxy (http://DOMAIN%5CUSER@HOST:PORT).",
    ),
    _file_option(
        "--proxy-password-file",
        f"File with the password of the user in --proxy; by default {PROXY_PASSWORD_ENV} has it.",
    ),
)


def access_options(command: Command) -> Command:
    """Give a command the options that say how endpoints are opened.

    The command gets all of them as one argument, ``access``.
    """

    @functools.wraps(command)
    def packed(*arguments: Any, **options: Any) -> Any:
        own = {name: options.pop(name) for name in _NAMES}
        return command(*arguments, access=_access(**own), **options)

    for option in reversed(_OPTIONS):
        packed = option(packed)
    return packed  # type: ignore[return-value]  # it takes the same arguments but for these


_NAMES = (
    "token_file",
    "sas_file",
    "ca_file",
    "client_cert",
    "client_key",
    "client_key_passphrase_file",
    "authentication",
    "logs_in_without_tls",
    "password_file",
    "uses_netrc",
    "netrc_file",
    "headers",
    "credential_command",
    "proxy",
    "proxy_authentication",
    "proxy_password_file",
)


def _access(
    token_file: str,
    sas_file: str,
    ca_file: str,
    *,
    uses_netrc: bool,
    netrc_file: str,
    authentication: str,
    proxy_authentication: str,
    credential_command: tuple[str, ...],
    **web: Any,
) -> Access:
    passphrase_file, proxy_password_file = (
        web["client_key_passphrase_file"],
        web["proxy_password_file"],
    )
    return Access(
        token_file,
        sas_file,
        ca_file,
        web=WebAccess(
            authentication=Authentication(authentication),
            proxy_authentication=Authentication(proxy_authentication),
            netrc_file=netrc_file or (users_netrc_file() if uses_netrc else ""),
            credential_command=credential_command,
            client_key_passphrase_env=_variable(PASSPHRASE_ENV, passphrase_file),
            proxy_password_env=_variable(PROXY_PASSWORD_ENV, proxy_password_file),
            **web,
        ),
    )


def _variable(name: str, file: str) -> str:
    """The variable, if it is set and no file is named in its place."""
    return name if not file and name in os.environ else ""
