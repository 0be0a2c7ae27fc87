"""The tree and its flat view: order, flags, numbers, child sequences."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dlcore.errors import TaskSequenceError
from dlcore.tasksequence import Group, Node, Step, Subsequence, needs, packages_in_order, read
from dlcore.tasksequence import builder as builder_module
from tests.tasksequence.documents import (
    export_zip,
    group,
    read_steps,
    read_text,
    reference,
    sequence,
    step,
    subsequence,
    when,
)


def nodes(node: Node) -> Iterator[Node]:
    """All nodes of a tree in order of execution; a subsequence is followed by its group."""
    yield node
    children = (
        node.children
        if isinstance(node, Group)
        else (node.group,)
        if isinstance(node, Subsequence)
        else ()
    )
    for child in children:
        yield from nodes(child)


def install(package: str, name: str = "Install", **attributes: str) -> str:
    return step("InstallSoftwareAction", name, parameters={"PackageID": package}, **attributes)


def test_steps_and_groups_are_numbered_in_order_of_execution() -> None:
    result = read_steps(
        step(name="a"), group("G", step(name="b"), group("H", step(name="c"))), step(name="d")
    )
    assert [(s.index, s.name, s.path, s.groups) for s in result.steps] == [
        (0, "a", (), (0,)),
        (1, "b", ("G",), (0, 1)),
        (2, "c", ("G", "H"), (0, 1, 2)),
        (3, "d", (), (0,)),
    ]
    assert [(g.index, g.name, g.parent) for g in result.groups] == [
        (0, "", None),
        (1, "G", 0),
        (2, "H", 1),
    ]
    assert result.root == result.groups[0]


def test_the_flat_view_holds_the_very_nodes_of_the_tree() -> None:
    result = read_steps(group("G", step(), group("H", step())), step())
    found = list(nodes(result.root))
    assert [n for n in found if isinstance(n, Step)] == list(result.steps)
    assert [n for n in found if isinstance(n, Group)] == list(result.groups)


@pytest.mark.parametrize("text", ["true", "True", " TRUE ", "1"])
def test_disabling_a_group_disables_everything_in_it(text: str) -> None:
    result = read_steps(
        group("off", group("inner", step(name="deep")), disable=text), step(name="on")
    )
    assert [(s.name, s.enabled) for s in result.steps] == [("deep", False), ("on", True)]
    assert [g.enabled for g in result.groups] == [True, False, False]


@pytest.mark.parametrize("text", ["false", "", "0", "no"])
def test_nothing_else_disables(text: str) -> None:
    assert read_steps(step(disable=text)).steps[0].enabled


def test_every_attribute_of_a_step_is_kept() -> None:
    result = read_steps(
        step(
            "RunPowerShellScriptAction",
            "Name",
            action="cmd /c <run>",
            condition=when("X"),
            parameters={"A": "1", "b": " two "},
            description="What",
            continueOnError="true",
            successCodeList="0 3010 -5",
            retryCount="3",
            timeout="900",
            startIn="C:\\Temp",
            runIn="FullOS",
        )
    )
    only = result.steps[0]
    assert only.type == "SMS_TaskSequence_RunPowerShellScriptAction"
    assert (only.name, only.description, only.action) == ("Name", "What", "cmd /c <run>")
    assert (only.continue_on_error, only.success_codes) == (True, (0, 3010, -5))
    assert (only.retry_count, only.timeout_s) == (3, 900)
    assert (only.start_in, only.run_in) == ("C:\\Temp", "FullOS")
    assert only.condition is not None
    assert only.variables["B"] == " two "


def test_what_a_step_leaves_out_has_the_documented_default() -> None:
    only = read_text("<sequence><step/></sequence>").steps[0]
    assert (only.success_codes, only.retry_count, only.timeout_s) == ((0, 3010), 0, None)
    assert (only.continue_on_error, only.enabled, only.condition) == (False, True, None)


def test_success_codes_come_from_the_attribute_then_from_the_parameter() -> None:
    result = read_steps(
        step(parameters={"SuccessCodes": "0 1641"}),
        step(parameters={"SuccessCodes": "0 1641"}, successCodeList="7"),
        step(successCodeList=" 0,3010; 5 5"),
        step(parameters={"OSDRunPowerShellScriptSuccessCodes": "0 9"}, successCodeList=" "),
    )
    assert [s.success_codes for s in result.steps] == [(0, 1641), (7,), (0, 3010, 5), (0, 9)]


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("RunCommandLineAction", (0, 3010)),
        ("RunPowerShellScriptAction", (0, 3010)),
        ("InstallSoftwareAction", (0,)),
        ("Vendor_Action", (0,)),
    ],
)
def test_success_codes_that_are_left_out_depend_on_the_type(
    kind: str, codes: tuple[int, ...]
) -> None:
    assert read_steps(step(kind)).steps[0].success_codes == codes


@pytest.mark.parametrize(
    "attributes",
    [
        {"successCodeList": "0 x"},
        {"retryCount": "many"},
        {"retryCount": "-1"},
        {"timeout": "9" * 99},
    ],
)
def test_a_malformed_number_is_refused_with_the_name_of_its_step(
    attributes: dict[str, str],
) -> None:
    with pytest.raises(TaskSequenceError, match=r"upgrade\.xml: step 'G/Bad'"):
        read_steps(group("G", step("RebootAction", "Bad", parameters={}, **attributes)))


def test_references_are_kept_as_they_are_listed() -> None:
    result = read_text(
        sequence(references=reference("abc00012", "Install") + '<reference application="Scope"/>')
    )
    assert [(r.package, r.program, r.application) for r in result.references] == [
        ("ABC00012", "Install", ""),
        ("", "", "Scope"),
    ]


CHILD = sequence(group("In child", install("ABC00021")), install("ABC00022"))


def test_a_child_sequence_is_inlined_with_the_name_and_condition_of_its_step() -> None:
    parent = sequence(
        install("ABC00020"),
        group("G", subsequence("abc00002", "Call", continueOnError="true", disable="true")),
        install("ABC00023", "after"),
    )
    result = read(export_zip({"ABC00001": parent, "ABC00002": CHILD}), source="x.zip")
    assert result.package_id == "ABC00001"
    assert [(s.name, s.path, s.groups, s.enabled) for s in result.steps] == [
        ("Install", (), (0,), True),
        ("Install", ("G", "Call", "In child"), (0, 1, 2, 3), False),
        ("Install", ("G", "Call"), (0, 1, 2), False),
        ("after", (), (0,), True),
    ]
    call = result.groups[2]
    assert (call.name, call.continue_on_error, call.enabled, call.parent) == (
        "Call",
        True,
        False,
        1,
    )
    assert packages_in_order(result) == ("ABC00020", "ABC00023")


def test_a_step_of_the_subsequence_type_is_inlined_too() -> None:
    parent = sequence(
        step("SubTasksequence", parameters={"OSDSubTasksequencePackageID": "ABC00002"})
    )
    result = read(export_zip({"ABC00001": parent, "ABC00002": CHILD}), source="x.zip")
    assert packages_in_order(result) == ("ABC00021", "ABC00022")


def test_a_child_that_is_not_in_the_export_is_a_step_without_packages() -> None:
    result = read_text(sequence(subsequence("ABC00002"), references=reference("ABC00002", "*")))
    assert result.steps[0].type == "SMS_TaskSequence_SubTasksequence"
    assert needs(result.steps[0]) == ()
    assert packages_in_order(result) == ()


def test_a_child_that_runs_twice_is_there_twice() -> None:
    parent = sequence(subsequence("ABC00002"), subsequence("ABC00002"))
    result = read(export_zip({"ABC00001": parent, "ABC00002": CHILD}), source="x.zip")
    assert [s.index for s in result.steps] == [0, 1, 2, 3]
    assert packages_in_order(result) == ("ABC00021", "ABC00022")


def test_children_in_a_circle_are_refused_with_the_circle() -> None:
    texts = {
        "ABC00001": sequence(subsequence("ABC00002")),
        "ABC00002": sequence(subsequence("ABC00003")),
        "ABC00003": sequence(subsequence("ABC00002")),
    }
    with pytest.raises(TaskSequenceError, match="ABC00001 > ABC00002 > ABC00003 > ABC00002"):
        read(export_zip(texts), source="x.zip")


def test_a_child_can_be_read_by_its_name() -> None:
    data = export_zip({"ABC00001": sequence(subsequence("ABC00002")), "ABC00002": CHILD})
    result = read(data, source="x.zip", which="ABC00002")
    assert [s.path for s in result.steps] == [("In child",), ()]


def test_a_child_that_only_the_reference_list_names_is_still_a_child() -> None:
    parent = sequence(install("ABC00020"), references=reference("ABC00002", "*"))
    result = read(export_zip({"ABC00001": parent, "ABC00002": CHILD}), source="x.zip")
    assert result.package_id == "ABC00001"


def test_one_id_twice_in_a_document_is_refused() -> None:
    from tests.tasksequence.documents import cim

    with pytest.raises(TaskSequenceError, match="ABC00001 is listed twice"):
        read_text(f"<CIM>{cim(CHILD)}{cim(CHILD)}</CIM>", "ABC00001")


def test_children_that_double_at_every_level_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder_module, "MAX_NODES", 1000)
    texts = {
        f"ABC{level:05}": sequence(*[subsequence(f"ABC{level + 1:05}")] * 2) for level in range(40)
    }
    with pytest.raises(TaskSequenceError, match="over 1000 steps and groups"):
        read(export_zip(texts), source="x.zip")


def test_children_nested_too_deep_are_refused() -> None:
    inner = "".join(f'<group name="{n}">' for n in range(30))
    texts = {
        f"ABC{level:05}": sequence(inner + subsequence(f"ABC{level + 1:05}") + "</group>" * 30)
        for level in range(5)
    }
    with pytest.raises(TaskSequenceError, match="nested over 100 deep"):
        read(export_zip(texts), source="x.zip")


@pytest.mark.parametrize(
    ("written", "read"),
    [(" WinPE\t", "WinPE"), ("winpe", "winpe"), ("  ", "WinPEandFullOS"), ("", "WinPEandFullOS")],
)
def test_blanks_around_where_a_step_runs_do_not_count(written: str, read: str) -> None:
    """Fault: a step for Windows PE is marked with spaces around the word. dlcore leaves it out."""
    (only,) = read_steps(step(runIn=written)).steps
    assert only.run_in == read


@pytest.mark.parametrize("where", ["WinPE", " winpe ", "FullOS", ""])
def test_a_child_sequence_for_windows_pe_runs_none_of_its_steps(where: str) -> None:
    """Fault: a child sequence is for Windows PE. dlcore leaves all of its steps out."""
    texts = {
        "AAA00001": sequence(group("Setup", subsequence("AAA00002", runIn=where)), step()),
        "AAA00002": sequence(subsequence("AAA00003"), step(runIn="FullOS")),
        "AAA00003": sequence(step()),
    }
    places = [item.run_in.lower() for item in read(export_zip(texts), source="x.zip").steps]
    is_left_out = where.strip().lower() == "winpe"
    assert places == [
        *(["winpe"] * 2 if is_left_out else ["winpeandfullos", "fullos"]),
        "winpeandfullos",
    ]
