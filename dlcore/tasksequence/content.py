"""Which packages a step needs.

Guarantees: only the variables that the table below names for the step's type count; text that
merely looks like a package id (``C1900200`` is an exit code of Windows setup) never does, nor do
child task sequences, applications and the placeholder ``00000000``. Ids come in upper case, in
the order in which the step uses them, each once. Assumes that the caller looks at ``enabled`` and
at conditions: a disabled step's needs are told as well.

An id that depends on variables is resolved only with the variables given; what is left open is
told by `unresolved_needs`. Not for boot images: no step of a running upgrade needs one.

Source: exports published by Microsoft and by users; ConfigMgr SDK, task sequence action classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from dlcore.package_ids import NO_PACKAGE, package_id
from dlcore.tasksequence import step_types as types
from dlcore.tasksequence.tree import Step, TaskSequence
from dlcore.tasksequence.variables import FrozenVariables, frozen

_MAX_LIST_MEMBERS = 999  # documented for lists of three digits
_MAX_DOWNLOADS = 10_000

# For each step type its package variables in order of use, and for those that the action repeats,
# how: old exports have the action only.
_SOURCES: dict[str, tuple[tuple[str, str], ...]] = {
    types.APPLY_OPERATING_SYSTEM: (
        ("ImagePackageID", r"/image:([^\s,\"]*)"),
        ("InstallPackageID", r"/install:([^\s,\"]*)"),
        ("ConfigFilePackage", r"/config:([^\s,\"]*)"),
    ),
    types.APPLY_DATA_IMAGE: (("ImagePackageID", r"/image:([^\s,\"]*)"),),
    types.APPLY_DRIVER_PACKAGE: (("OSDApplyDriverDriverPackageID", r"/install:([^\s,\"]*)"),),
    types.INSTALL_SOFTWARE: (("PackageID", r"^\s*\"?smsswd\.exe\"?\s+/pkg:([^\s\"]*)"),),
    types.RUN_COMMAND_LINE: (("PackageID", r"^\s*\"?smsswd\.exe\"?\s+/run:([^\s\"]*)"),),
    types.RUN_POWERSHELL: (("OSDRunPowerShellScriptPackageID", ""),),
    types.UPGRADE: (
        ("OSDUpgradeInstallPackageID", ""),
        ("OSDUpgradeDriverPackageID", ""),
    ),
    types.CAPTURE_USER_STATE: (("_OSDMigrateUsmtPackageID", ""),),
    types.RESTORE_USER_STATE: (("_OSDMigrateUsmtRestorePackageID", ""),),
    types.SETUP_WINDOWS: (
        ("_SMSClientPackageID", ""),
        ("_SMSClientPreProductionPackageID", ""),
    ),
    types.MDT_USE_PACKAGE: (("BDDPackageID", ""),),
}


def needs(step: Step, variables: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The packages that a step needs, in the order in which it uses them.

    Args:
        step: Enabled or not.
        variables: Current values, for ids that are quoted from variables and for dynamic lists
            (``/basevar:``); without them those are left out.
    """
    found = (package_id(text) for text in _texts(step, variables))
    return tuple(dict.fromkeys(wanted for wanted in found if wanted))


def unresolved_needs(step: Step, variables: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The texts in a step's package variables that are not package ids, as their author wrote them.

    A reference to a variable that is not set (``%WINPKG01%``), or a text that is not an id. Without
    variables, a dynamic list counts too, as ``BASE001``; with them, a list without members is
    empty, not unresolved.
    """
    left = [
        text
        for text in _texts(step, variables)
        if package_id(text) is None and text.strip() not in ("", NO_PACKAGE)
    ]
    base = _list_base(step)
    if base and variables is None:
        left.append(f"{base}001")
    return tuple(dict.fromkeys(left))


def packages_in_order(sequence: TaskSequence) -> tuple[str, ...]:
    """Every package that some enabled step needs, in order of first need.

    Conditions are not looked at, and ids that depend on variables are left out: this is what the
    export alone tells.
    """
    return tuple(
        dict.fromkeys(wanted for step in sequence.steps if step.enabled for wanted in needs(step))
    )


def downloads(step: Step, variables: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The packages of a Download Package Content step, in the order of its numbered variables."""
    return needs(step, variables) if step.type == types.DOWNLOAD_CONTENT else ()


def _texts(step: Step, variables: Mapping[str, str] | None) -> Iterator[str]:
    """The values in which a step's package ids stand, expanded as far as can be."""
    known = frozen(variables)
    for text in _named(step):
        yield known.expand(text)
    yield from _list_members(_list_base(step), known)


def _named(step: Step) -> Iterator[str]:
    if step.type == types.DOWNLOAD_CONTENT:
        yield from _downloaded(step.variables)
    for name, switch in _SOURCES.get(step.type, ()):
        if name in step.variables:
            yield step.variables[name]
        elif switch and (found := re.search(switch, step.action, re.IGNORECASE)):
            yield found[1]


def _downloaded(parameters: FrozenVariables) -> Iterator[str]:
    yield from parameters.get("OSDDownloadDownloadPackages", "").split(",")
    count = parameters.get("OSDPackageCount", "").strip()
    if re.fullmatch(r"[0-9]{1,5}", count):
        for number in range(min(int(count), _MAX_DOWNLOADS)):
            yield parameters.get(f"OSDPackage{number}PackageId", "")


def _list_base(step: Step) -> str:
    """Base name of the variables that list an Install Package step's packages; mostly empty."""
    if step.type != types.INSTALL_SOFTWARE:
        return ""
    if "BaseVariableName" in step.variables:
        return step.variables["BaseVariableName"].strip()
    found = re.search(r"\s/basevar:([^\s\"]*)", step.action, re.IGNORECASE)
    return found[1] if found else ""


def _list_members(base: str, known: FrozenVariables) -> Iterator[str]:
    for number in range(1, _MAX_LIST_MEMBERS + 1 if base else 0):
        value = known.get(f"{base}{number:03}") or known.get(f"{base}{number:02}")
        if not value:  # the engine stops at the first gap, too
            return
        yield known.expand(value).partition(":")[0]
