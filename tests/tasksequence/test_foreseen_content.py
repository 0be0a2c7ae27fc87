"""Packages that a step needs only if an earlier one sets something."""

from __future__ import annotations

import pytest

from tests.tasksequence.documents import step
from tests.tasksequence.test_foresight import (
    DOWNLOADS,
    A,
    B,
    C,
    download,
    last,
    model,
    sets,
)

LISTED = step("InstallSoftwareAction", parameters={"BaseVariableName": "LIST"})


@pytest.mark.parametrize(
    ("parameter", "bare"),
    [
        ("PackageID", step(parameters={"CommandLine": "setup.exe"})),
        (DOWNLOADS, step("DownloadPackageContentAction")),
        ("OSDUpgradeDriverPackageID", step("UpgradeOperatingSystemAction")),
    ],
)
def test_a_package_that_a_step_gets_only_if_an_earlier_one_sets_it(
    parameter: str, bare: str
) -> None:
    """Fault: a step that may run adds a package to a step without one. dlcore expects it."""
    found = last(sets(parameter, B, condition=model("X")), bare)
    assert (found.packages, found.maybe_packages) == ((), (B,))
    assert last(sets(parameter, B), bare).packages == (B,)
    assert last(bare).maybe_packages == ()


def test_a_member_that_an_earlier_step_may_add_to_a_list() -> None:
    """Fault: a dynamic list may get another member. dlcore expects its package."""
    more = sets("LIST002", f"{B}:p", condition=model("X"))
    found = last(sets("LIST001", f"{A}:p"), more, LISTED)
    assert (found.packages, found.maybe_packages) == ((A,), (B,))
    behind_a_gap = sets("LIST004", f"{C}:p", condition=model("X"))
    found = last(sets("LIST001", f"{A}:p"), more, behind_a_gap, LISTED)
    assert found.maybe_packages == (B,)


def test_a_member_that_an_earlier_step_may_replace() -> None:
    found = last(
        sets("LIST01", f"{A}:p"),
        sets("LIST02", f"{B}:p"),
        sets("LIST02", f"{C}:p", condition=model("X")),
        LISTED,
    )
    assert (found.packages, found.maybe_packages) == ((A,), (B, C))


def test_another_list_that_an_earlier_step_may_choose() -> None:
    filled = (sets("LIST001", f"{A}:p"), sets("OTHER001", f"{B}:p"))
    other = sets("BaseVariableName", "OTHER", condition=model("X"))
    found = last(*filled, other, LISTED)
    assert (found.packages, found.maybe_packages) == ((), (A, B))
    quoted = step("InstallSoftwareAction", parameters={"BaseVariableName": "%L%"})
    found = last(*filled, sets("L", "LIST"), sets("L", "OTHER", condition=model("X")), quoted)
    assert found.packages == ()


def test_a_choice_that_a_step_with_an_open_list_may_change_is_not_certain() -> None:
    found = last(step("BDD_Gather"), download(A), known={DOWNLOADS: B})
    assert (found.packages, found.maybe_packages) == ((), (B, A))
