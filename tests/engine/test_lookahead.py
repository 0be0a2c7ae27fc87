"""What will be needed and in which order: conditions decide early where they can."""

from __future__ import annotations

from collections.abc import Mapping

from dlcore.deployment import Undecided
from dlcore.engine.running.condition_judge import Judge
from dlcore.engine.running.lookahead import Lookahead, all_content, look_ahead
from dlcore.tasksequence import Verdict, assignment, from_facts, read
from tests.engine.scene import PREFIX, group, sequence, step, upgrade, when

A, B, C = "ABC0000A", "ABC0000B", "ABC0000C"


def lookahead(
    *children: str,
    variables: Mapping[str, str] | None = None,
    position: int = 0,
    facts: Mapping[str, bool] | None = None,
    undecided: Undecided = Undecided.SKIP,
    entered: Mapping[int, Verdict] | None = None,
    abandoned: frozenset[int] = frozenset(),
) -> Lookahead:
    return look_ahead(
        read(sequence(*children), source="test"),
        position,
        variables or {},
        Judge(from_facts(facts or {}), undecided),
        entered or {},
        abandoned,
    )


def sets(name: str, value: str, **more: str) -> str:
    return step("set", "SetVariableAction", VariableName=name, VariableValue=value, **more)


def file_exists(path: str) -> str:
    return (
        f'<condition><expression type="{PREFIX}FileConditionExpression">'
        f'<variable name="Path">{path}</variable></expression></condition>'
    )


def test_packages_come_in_order_of_first_need() -> None:
    result = lookahead(upgrade(B), step("1", package=A), step("2", package=B), step("3", package=C))
    assert result == Lookahead((B, A, C), ())


def test_steps_behind_do_not_count() -> None:
    assert lookahead(upgrade(B), step("1", package=A), position=1) == Lookahead((A,), ())


def test_a_false_condition_costs_nothing() -> None:
    assert lookahead(step("1", package=A, condition=when("X", "1"))) == Lookahead((), ())


def test_a_disabled_step_costs_nothing() -> None:
    disabled = group("off", step("1", package=A), attributes='disable="true"')
    assert lookahead(disabled, step("2", package=B)) == Lookahead((B,), ())


def test_a_variable_set_by_an_earlier_step_counts() -> None:
    steps = (sets("X", "1"), step("1", package=A, condition=when("X", "1")))
    assert lookahead(*steps) == Lookahead((A,), ())
    assert lookahead(*steps, variables={"X": "2"}) == Lookahead((A,), ())


def test_a_variable_set_from_a_known_one_counts() -> None:
    steps = (sets("X", "%Y%0"), step("1", package=A, condition=when("X", "10")))
    assert lookahead(*steps, variables={"Y": "1"}) == Lookahead((A,), ())


def test_a_variable_may_be_set_from_itself() -> None:
    steps = (sets("X", "%X%0"), step("1", package=A, condition=when("X", "10")))
    assert lookahead(*steps, variables={"X": "1"}) == Lookahead((A,), ())


def test_a_variable_that_a_step_writes_leaves_the_condition_open() -> None:
    writes = step("check", OutputVariableName="X")
    steps = (writes, step("1", package=A, condition=when("X", "1")), step("2", package=B))
    assert lookahead(*steps) == Lookahead((B,), (A,))
    assert lookahead(*steps, position=1) == Lookahead((B,), ()), "at its turn it can be told"


def test_a_variable_that_is_perhaps_set_leaves_the_condition_open() -> None:
    writes = step("check", OutputVariableName="Y")
    perhaps = sets("X", "1", condition=when("Y", "1"))
    steps = (writes, perhaps, step("1", package=A, condition=when("X", "1")))
    assert lookahead(*steps) == Lookahead((), (A,))


def test_a_package_that_may_still_change_is_not_urgent() -> None:
    steps = (step("choose", OutputVariableName="IMAGE"), step("1", package="%IMAGE%"))
    assert lookahead(*steps, variables={"IMAGE": A}) == Lookahead((), (A,))
    assert lookahead(*steps, variables={"IMAGE": A}, position=1) == Lookahead((A,), ())


def test_a_file_is_open_once_a_step_has_run_before() -> None:
    check = step("1", package=A, condition=file_exists("C:\\x"))
    assert lookahead(check, facts={"C:\\x": True}) == Lookahead((A,), ())
    assert lookahead(step("0"), check, facts={"C:\\x": True}) == Lookahead((), (A,))
    assert lookahead(sets("Y", "1"), check, facts={"C:\\x": True}) == Lookahead((A,), ())


def test_what_nobody_can_decide_follows_the_settings() -> None:
    check = step("1", package=A, condition=file_exists("C:\\x"))
    assert lookahead(check) == Lookahead((), ())
    assert lookahead(check, undecided=Undecided.RUN) == Lookahead((A,), ())


def test_a_groups_condition_holds_for_all_in_it() -> None:
    inner = group("inner", step("1", package=A))
    assert lookahead(group("outer", inner, condition=when("X", "1"))) == Lookahead((), ())
    writes = step("check", OutputVariableName="X")
    outer = group("outer", inner, condition=when("X", "1"))
    assert lookahead(writes, outer, step("2", package=B)) == Lookahead((B,), (A,))


def test_a_groups_condition_is_told_at_its_beginning() -> None:
    changes = sets("X", "2")
    outer = group("g", changes, step("1", package=A), condition=when("X", "1"))
    assert lookahead(outer, variables={"X": "1"}) == Lookahead((A,), ())


def test_a_group_that_was_entered_stays_so() -> None:
    outer = group("g", step("1", package=A), condition=when("X", "1"))
    assert lookahead(outer, entered={1: Verdict.TRUE}) == Lookahead((A,), ())
    assert lookahead(outer, variables={"X": "1"}, entered={1: Verdict.FALSE}) == Lookahead((), ())


def test_an_abandoned_group_costs_nothing_more() -> None:
    outer = group("g", step("1"), group("inner", step("2", package=A)))
    children = (outer, step("3", package=B))
    assert lookahead(*children, position=1, abandoned=frozenset({1})) == Lookahead((B,), ())


def test_what_is_urgent_is_not_idle_too() -> None:
    writes = step("check", OutputVariableName="X")
    perhaps = step("1", package=A, condition=when("X", "1"))
    assert lookahead(writes, perhaps, step("2", package=A)) == Lookahead((A,), ())


def test_a_step_for_windows_pe_costs_nothing() -> None:
    for_windows_pe = step("1", package=A, attributes='runIn="WinPE"')
    assert lookahead(for_windows_pe, step("2", package=B)) == Lookahead((B,), ())


def test_a_variable_that_overrides_a_package_counts() -> None:
    chosen = sets("PackageID", B)
    assert lookahead(chosen, step("1", package=A)) == Lookahead((B,), ())
    perhaps = sets("PackageID", B, condition=when("Y", "1"))
    writes = step("check", OutputVariableName="Y")
    assert lookahead(writes, perhaps, step("1", package=A)) == Lookahead((), (A, B))


def test_what_no_step_explains_is_fetched_last() -> None:
    """Fault: the sequence lists a package that no step names. dlcore fetches it last."""
    listed = "".join(f'<reference package="{p}"/>' for p in (C, A, B))
    writes = step("check", OutputVariableName="X")
    perhaps = step("1", package=B, condition=when("X", "1"))
    found = lookahead(
        f"<referenceList>{listed}</referenceList>", writes, perhaps, step("2", package=A)
    )
    assert found == Lookahead((A,), (B, C))


def test_a_run_that_downloads_first_takes_what_a_variable_chooses() -> None:
    """Fault: all is downloaded first, and a variable overrides a package. dlcore takes that one."""
    listed = f'<referenceList><reference package="{C}"/></referenceList>'
    tree = read(
        sequence(
            listed,
            step("1", package="ABC0000D", attributes='runIn="WinPE"'),
            step("2", package="ABC0000E", attributes='disable="true"'),
            sets("PackageID", B),
            step("3", package=A, condition=when("X", "1")),
        ),
        source="test",
    )
    assert all_content(tree, {}, Judge(from_facts({}))) == Lookahead((B,), (C,))


def test_old_exports_state_an_assignment_in_the_action() -> None:
    text = sequence(
        f'<step type="{PREFIX}SetVariableAction" name="s"><action>tsenv.exe "X=a b"</action></step>'
    )
    assert assignment(read(text, source="test").steps[0]) == ("X", "a b")
