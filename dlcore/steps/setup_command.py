"""The command line with which *Upgrade Operating System* starts Windows Setup.

Guarantees: options stand in the order in which ConfigMgr's log shows them; a path becomes exactly
one argument, whatever it contains; what the step's author appends stands at the end, unchanged but
for the values of variables, which are data there as in any command line. Pure.

Sources: Microsoft Learn, "Windows Setup command-line options"; "Task sequence steps: Upgrade
Operating System" for which setting gives which option; the command lines that ``smsts.log`` shows
in "A Configuration Manager in-place upgrade task sequence doesn't continue", which also says that
``/postrollbackcontext system`` belongs there.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from dlcore.printable import quoted
from dlcore.steps.commands.quoting import windows
from dlcore.tasksequence import FrozenVariables, StepParameters

_KEEPS: Final = {"upgrade": "Upgrade", "dataonly": "DataOnly", "clean": "Clean"}
_NO_UPDATE: Final = frozenset({"", "disable", "disablepolicy"})
"""The SDK's word and the cmdlets'. All other settings allow an update from some place."""

_PRODUCT_KEY: Final = re.compile(r"[A-Za-z0-9]{1,10}(-[A-Za-z0-9]{1,10}){0,9}")
_INDEX: Final = re.compile(r"[0-9]{1,4}")
_NO_PACKAGE: Final = "00000000"


class SetupOptions(msgspec.Struct, frozen=True):
    """What Windows Setup is to do.

    Attributes:
        index: Which image of the media is installed.
        keeps: What is kept: ``Upgrade`` (everything), ``DataOnly`` or ``Clean`` (nothing).
        updates_itself: Whether Setup looks for newer files of its own.
        scans_only: Whether it only looks for compatibility problems.
        ignores_warnings: Whether it goes on in spite of warnings that may be dismissed.
        product_key: Empty: the one that the machine has.
        drivers: The folder of drivers to install; None if there is none.
        when_complete: The script that runs after the upgrade; None in a scan.
        when_rolled_back: The script that runs if the upgrade was rolled back; None in a scan.
        additional: What the author appends, already fit for a command line.
    """

    index: str = "1"
    keeps: str = "Upgrade"
    updates_itself: bool = False
    scans_only: bool = False
    ignores_warnings: bool = False
    product_key: str = ""
    drivers: str | None = None
    when_complete: str | None = None
    when_rolled_back: str | None = None
    additional: str = ""


def options_from(parameters: StepParameters, variables: FrozenVariables) -> SetupOptions:
    """What a step's parameters say; drivers and scripts are not among it.

    Args:
        parameters: The step's.
        variables: Task sequence variables, which the appended options may quote.

    Raises:
        ValueError: A parameter cannot be used; the text names it.
    """
    index = parameters.expanded("OSDUpgradeInstallEditionIndex").strip() or "1"
    if not _INDEX.fullmatch(index):
        raise ValueError(
            f"OSDUpgradeInstallEditionIndex is {quoted(index[:60])}, which is not a number"
        )
    keeps = parameters.expanded("OSDUpgradePreserveSettings").strip() or "Upgrade"
    if keeps.lower() not in _KEEPS:
        known = ", ".join(_KEEPS.values())
        raise ValueError(
            f"OSDUpgradePreserveSettings is {quoted(keeps[:60])}, which is not one of {known}"
        )
    key = parameters.expanded("OSDUpgradeOsProductKey").strip()
    if key and not _PRODUCT_KEY.fullmatch(key):
        raise ValueError("OSDUpgradeOsProductKey is not a product key")
    updates = parameters.expanded("OSDUpgradeDynamicUpdateSettings").strip().lower()
    return SetupOptions(
        index=index,
        keeps=_KEEPS[keeps.lower()],
        updates_itself=updates not in _NO_UPDATE,
        scans_only=parameters.is_true("OSDUpgradeScanOnly"),
        ignores_warnings=parameters.is_true("OSDUpgradeIgnoreMessages"),
        product_key=key,
        additional=_additional(parameters, variables),
    )


def _additional(parameters: StepParameters, variables: FrozenVariables) -> str:
    """The author's options, with the values of variables as data.

    Raises:
        ValueError: A value cannot be passed as data.
    """
    written = parameters.written("OSDSetupAdditionalUpgradeOptions").strip()
    if not written:
        return ""
    program = "setup.exe"
    line = windows.quote(f"{program} {written}", variables, {}, lambda name: name)
    return line.text.removeprefix(program).strip()


def setup_line(program: str, options: SetupOptions) -> str:
    """The command line.

    Args:
        program: The path of ``setup.exe`` in the media.
        options: What it is to do.

    Raises:
        ValueError: A path contains a quotation mark.
    """
    words = [
        quoted_path(program, always=True),
        f"/ImageIndex {options.index} /auto {options.keeps} /quiet /noreboot",
    ]
    if options.when_complete:
        words.append(f"/postoobe {quoted_path(options.when_complete, always=True)}")
    if options.when_rolled_back:
        words.append(f"/postrollback {quoted_path(options.when_rolled_back, always=True)}")
    words.append(f"/DynamicUpdate {'Enable' if options.updates_itself else 'Disable'}")
    if options.when_rolled_back:
        words.append("/postrollbackcontext system")
    if options.product_key:
        words.append(f"/pkey {options.product_key}")
    if options.scans_only:
        words.append("/compat ScanOnly")
    if options.ignores_warnings:
        words.append("/compat IgnoreWarning")
    if options.drivers:
        words.append(f"/installdrivers {quoted_path(options.drivers)}")
    if options.additional:
        words.append(options.additional)
    return " ".join(words)


def quoted_path(path: str, *, always: bool = False) -> str:
    r"""A path as one argument.

    A backslash before the closing mark would make the mark a part of the path. One at the end of a
    folder's path means nothing, so it is left out; that of a drive (``C:\``) stays, unquoted.

    Args:
        path: The path.
        always: Whether it is quoted without need.

    Raises:
        ValueError: It contains a quotation mark, which no path on Windows can.
    """
    if '"' in path:
        raise ValueError("a path for Windows Setup contains a quotation mark")
    if re.fullmatch(r"[A-Za-z]:\\+", path):
        return path[:3]
    trimmed = path.rstrip("\\") or path
    return f'"{trimmed}"' if always or re.search(r"\s", trimmed) else trimmed


def is_package(text: str) -> bool:
    """Whether a parameter names a package: exports write zeros where there is none."""
    return text.strip() not in ("", _NO_PACKAGE)
