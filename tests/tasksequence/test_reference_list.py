"""The sequence's own list of what it refers to, against what its steps explain."""

from __future__ import annotations

import pytest

from dlcore.tasksequence import TaskSequence, needs, plan, read, unexplained
from tests.tasksequence.documents import (
    cim,
    element,
    export_zip,
    group,
    read_text,
    reference,
    sequence,
    step,
    subsequence,
    variables,
)
from tests.tasksequence.test_samples import sample

A, B, C = "ABC0000A", "ABC0000B", "ABC0000C"


def listed(*entries: str, steps: tuple[str, ...] = ()) -> TaskSequence:
    return read_text(sequence(*steps, references="".join(entries)))


def read_zip(sequences: dict[str, str]) -> TaskSequence:
    return read(export_zip(sequences), source="upgrade.zip")


def packages(tree: TaskSequence) -> tuple[str, ...]:
    return tuple(entry.package for entry in unexplained(tree))


def test_what_no_step_names_is_not_explained_and_told_once() -> None:
    """Fault: a sequence refers to a package that no step names. dlcore tells which."""
    use = step(parameters={"PackageID": A})
    tree = listed(reference(B, "x"), reference(A), reference(B, "y"), reference(C), steps=(use,))
    assert packages(tree) == (B, C)
    assert unexplained(tree)[0].program == "x"


def test_a_disabled_step_explains_too() -> None:
    off = group("off", step(parameters={"PackageID": A}), disable="true")
    assert packages(listed(reference(A), steps=(off,))) == ()


def test_what_a_variable_of_the_sequence_names_is_explained() -> None:
    use = step(parameters={"PackageID": "%P%"})
    inside = element("globalVarList", {}, variables({"P": A}))
    assert packages(listed(reference(A), steps=(use, inside))) == ()


def test_what_an_earlier_step_chooses_is_explained_in_a_plan() -> None:
    parameters = {"VariableName": "PackageID", "VariableValue": B}
    chosen = step("SetVariableAction", parameters=parameters)
    tree = listed(reference(B), steps=(chosen, step(parameters={"PackageID": A})))
    assert plan(tree).unexplained == ()


@pytest.mark.parametrize("package", ["", "00000000", "not an id"])
def test_what_is_not_a_package_is_not_asked_for(package: str) -> None:
    application = element("reference", {"application": "ScopeId_X/Application_Y"})
    assert packages(listed(reference(package), application)) == ()


def test_the_boot_image_and_the_sequence_itself_are_no_content() -> None:
    text = sequence(references=reference("ABC00001") + reference("ABC000B0") + reference(A))
    assert packages(read_text(cim(text, "ABC00001", boot="ABC000B0"))) == (A,)


def test_a_child_in_the_same_export_is_no_content_and_explains_its_own() -> None:
    child = sequence(step(parameters={"PackageID": A}))
    references = reference("ABC00002", "*") + reference(A) + reference(B)
    parent = sequence(subsequence("ABC00002"), references=references)
    tree = read_zip({"ABC00001": parent, "ABC00002": child})
    assert packages(tree) == (B,)


def test_a_step_of_an_unknown_type_in_a_child_is_confirmed_by_the_childs_list() -> None:
    vendor = step("Vendor_Action", parameters={"P": A})
    child = sequence(vendor, references=reference(A))
    parent = sequence(subsequence("ABC00002"), vendor)
    tree = read_zip({"ABC00001": parent, "ABC00002": child})
    assert [needs(each) for each in tree.steps] == [(A,), ()]


def test_a_child_that_is_missing_may_have_children_of_its_own() -> None:
    inside = {
        "OSDSubTasksequencePackageID": "ABC00090",
        "OSDSubTasksequenceTsReferencePackages": f"{A},{B}",
    }
    child = element("subtasksequence", {}, element("defaultVarList", {}, variables(inside)))
    entries = (
        *(reference("ABC00090"), reference("ABC00091", "*")),
        *(reference(A), reference(B), reference(C)),
    )
    assert packages(listed(*entries, steps=(child,))) == (C,)


def test_a_package_of_which_any_program_counts_is_a_package() -> None:
    assert packages(listed(reference(A, "*"))) == (A,)


@pytest.mark.parametrize(
    "name",
    [
        "windows-10-upgrade.object.xml",
        "boundary-group-test.xml",
        "upgrade-compatibility-checks.xml",
    ],
)
def test_real_sequences_are_explained(name: str) -> None:
    tree = sample(name)
    assert tree.references
    assert unexplained(tree) == ()
    assert plan(tree).unexplained == ()
