"""What is told of each step before its turn: whether it runs, and what it needs then."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from dlcore.tasksequence import (
    Foreseen,
    NotRun,
    UnresolvedNeed,
    Verdict,
    foresee,
    from_facts,
)
from tests.tasksequence.documents import (
    element,
    expression,
    group,
    operator,
    read_steps,
    step,
    variables,
    when,
)

A, B, C = "ABC0000A", "ABC0000B", "ABC0000C"
YES, NO, OPEN = Verdict.TRUE, Verdict.FALSE, Verdict.UNDECIDED
COMMAND = step(name="script")
DOWNLOADS = "OSDDownloadDownloadPackages"


def foreseen(
    *inside: str,
    known: Mapping[str, str] | None = None,
    facts: Mapping[str, bool] | None = None,
    is_run: bool = True,
    unanswered: Verdict = OPEN,
) -> list[Foreseen]:
    """All steps; with ``is_run``, as in a run, where all that is set is known."""
    given = dict(known or {}) if is_run else None
    evaluator = from_facts(facts or {})
    return list(foresee(read_steps(*inside), given, evaluator, unanswered=unanswered))


def last(*inside: str, **more: object) -> Foreseen:
    return foreseen(*inside, **more)[-1]  # type: ignore[arg-type]  # passed through


def sets(name: str, value: str, condition: str = "") -> str:
    parameters = {"VariableName": name, "VariableValue": value}
    return step("SetVariableAction", parameters=parameters, condition=condition)


def needs_package(package: str = A, condition: str = "", **attributes: str) -> str:
    return step(parameters={"PackageID": package}, condition=condition, **attributes)


def download(packages: str) -> str:
    return step("DownloadPackageContentAction", parameters={DOWNLOADS: packages})


def model(name: str) -> str:
    return expression("WMI", Query=f"Model = {name}")


def dynamic(rules: str) -> str:
    parameters = {"OSDSetDynamicVariablesRules": f"<Rules>{rules}</Rules>"}
    return step("SetDynamicVariablesAction", parameters=parameters)


def rule(name: str, value: str, condition: str = "") -> str:
    held = condition and element("condition", {}, condition)
    variable = element("Variable", {"Name": name}, value)
    return element("Rule", {}, held, element("Variables", {}, variable))


def test_a_step_for_windows_pe_never_runs() -> None:
    """Fault: a step is for Windows PE. dlcore does not fetch its content."""
    found = last(needs_package(runIn="WinPE"))
    assert (found.runs, found.may_run, found.reason) == (NO, False, NotRun.WINDOWS_PE)


@pytest.mark.parametrize("where", ["FullOS", "WinPEandFullOS", ""])
def test_a_step_for_the_full_operating_system_runs(where: str) -> None:
    found = last(needs_package(runIn=where))
    assert (found.runs, found.may_run, found.reason) == (YES, True, None)


def test_a_step_of_a_disabled_group_does_not_run() -> None:
    found = last(group("off", needs_package(), disable="true"))
    assert (found.runs, found.may_run, found.reason) == (NO, False, NotRun.DISABLED)


@pytest.mark.parametrize("is_run", [True, False])
def test_the_full_operating_system_is_known(*, is_run: bool) -> None:
    inside = when("_SMSTSInWinPE", "false"), when("_smstsinwinpe", "true")
    yes, no = foreseen(*(needs_package(condition=each) for each in inside), is_run=is_run)
    assert (yes.runs, no.runs) == (YES, NO)
    assert (no.may_run, no.reason) == (False, NotRun.CONDITION)


def test_the_full_operating_system_stays_known_behind_commands_and_restarts() -> None:
    found = last(
        COMMAND, step("RebootAction"), needs_package(condition=when("_SMSTSInWinPE", "true"))
    )
    assert (found.runs, found.may_run) == (NO, False)


def test_a_program_may_make_a_step_run() -> None:
    """Fault: a script sets a variable that no parameter names. dlcore expects the step."""
    condition = when("Chosen", "1")
    found = last(COMMAND, needs_package(condition=condition))
    assert (found.runs, found.may_run, found.reason) == (NO, True, None)
    alone = last(sets("Other", "1"), needs_package(condition=condition))
    assert (alone.runs, alone.may_run) == (NO, False)


def test_what_was_set_behind_the_program_is_certain() -> None:
    found = last(COMMAND, sets("Chosen", "2"), needs_package(condition=when("Chosen", "1")))
    assert (found.runs, found.may_run) == (NO, False)


@pytest.mark.parametrize(
    "chooses",
    [
        sets("Chosen", "%Told%"),
        sets("%Told%", "2") + sets("Chosen", "2", condition=when("Told", "", "notExists")),
        sets("Chosen", "2", condition=when("Told", "1", "notEquals")),
        group("g", sets("Chosen", "2"), condition=when("Told", "1", "notEquals")),
        dynamic(rule("Chosen", "2", condition=when("Told", "1", "notEquals"))),
        sets("Chosen", "2") + dynamic(rule("Chosen", "1", condition=when("Told", "1"))),
    ],
)
def test_a_program_may_make_a_later_choice_another_one(chooses: str) -> None:
    """Fault: a script sets what the step asks that chooses. dlcore expects each choice."""
    chosen = needs_package(condition=when("Chosen", "1"))
    found = last(COMMAND, chooses, chosen)
    assert (found.runs, found.may_run) == (NO, True)
    alone = last(chooses, chosen)
    assert (alone.runs, alone.may_run) == (NO, False)


def test_a_step_whose_turn_has_come_runs_whatever_it_changes() -> None:
    inside = read_steps(
        needs_package(condition=when("Done", "", "notExists")),
        needs_package(condition=when("X", "")),
    )
    known = {"Done": "1"}
    without, _ = foresee(inside, known, from_facts({}))
    assert (without.runs, without.may_run) == (NO, False)
    its_turn, _ = foresee(inside, known, from_facts({}), turn=0)
    assert (its_turn.runs, its_turn.may_run) == (YES, True)


@pytest.mark.parametrize("fails", [COMMAND, step("RebootAction"), download(A)])
def test_what_a_group_sets_behind_a_step_that_fails_is_not_set(fails: str) -> None:
    """Fault: a step fails, so its group does not set what the next step asks for. dlcore says
    before the run that this step may run.
    """
    recovers = needs_package(condition=when("Done", "", "notExists"))
    tries = group("tries", fails, sets("Done", "1"), continueOnError="true")
    found = last(tries, recovers)
    assert (found.runs, found.may_run, found.reason) == (NO, True, None)
    inner = group("tries", group("in", fails), sets("Done", "1"), continueOnError="true")
    assert last(inner, recovers).may_run


def test_what_is_set_whatever_fails_is_certain() -> None:
    recovers = needs_package(condition=when("Done", "", "notExists"))
    failing = download(A)
    stops = group("stops", failing, sets("Done", "1"))
    assert not last(stops, recovers).may_run, "the sequence ends"
    before = group("before", sets("Done", "1"), failing, continueOnError="true")
    assert not last(before, recovers).may_run
    goes_on = step(
        "DownloadPackageContentAction", parameters={DOWNLOADS: A}, continueOnError="true"
    )
    assert not last(
        group("goes on", goes_on, sets("Done", "1"), continueOnError="true"), recovers
    ).may_run
    within = group("in", failing, sets("Done", "1"), recovers, continueOnError="true")
    assert not last(within).may_run
    again = group("tries", failing, sets("Done", "1"), continueOnError="true")
    assert not last(again, sets("Done", "2"), recovers).may_run


def test_a_program_that_may_run_may_set_variables_too() -> None:
    perhaps = step(condition=when("X", "1"))
    found = last(
        COMMAND, sets("Chosen", "2"), perhaps, needs_package(condition=when("Chosen", "1"))
    )
    assert (found.runs, found.may_run) == (NO, True)


def test_a_step_that_may_run_may_set_what_its_parameters_say() -> None:
    perhaps = sets("Y", "1", condition=when("Chosen", "1"))
    found = last(COMMAND, sets("Y", "2"), perhaps, needs_package(condition=when("Y", "1")))
    assert (found.runs, found.may_run) == (NO, True)


def test_a_step_cannot_set_what_is_the_engines() -> None:
    inside = needs_package(condition=when("_SMSTSInWinPE", "true"))
    assert last(sets("_SMSTSInWinPE", "true"), inside).runs is NO


def test_the_fate_of_a_group_is_shared() -> None:
    inside = group("outer", group("inner", needs_package()), condition=when("Chosen", "1"))
    found = last(COMMAND, inside)
    assert (found.runs, found.may_run) == (NO, True)
    certainly_not = group("in", needs_package(condition=when("_SMSTSInWinPE", "true")))
    assert not last(COMMAND, group("g", certainly_not, condition=when("C", "1"))).may_run


def test_a_condition_that_nobody_answers_is_open_or_as_the_caller_says() -> None:
    inside = needs_package(condition=model("X"))
    assert last(inside).runs is OPEN
    assert last(inside, unanswered=NO).runs is NO
    assert last(inside, facts={"Model = X": True}).runs is YES


def test_before_the_settings_are_known_any_variable_may_be_set() -> None:
    for condition in (
        when("Ring", "Pilot"),
        when("Skip", "", "notExists"),
        when("_SMSTSLaunchMode", "SMS"),
    ):
        assert last(needs_package(condition=condition), is_run=False).runs is OPEN
    known = needs_package(condition=when("Ring", "Pilot"))
    assert last(sets("Ring", "Pilot"), known, is_run=False).runs is YES
    assert last(sets("Ring", "Other"), known, is_run=False).runs is NO


def test_an_open_list_leaves_the_engines_own_variables_known() -> None:
    gather = step("BDD_Gather")
    inner = operator("and", when("_SMSTSInWinPE", "true"), when("Model", "x"))
    assert last(gather, needs_package(condition=inner)).runs is NO
    assert last(gather, needs_package(condition=when("Model", "x"))).runs is OPEN


def test_rules_are_applied_in_the_walk() -> None:
    inside = needs_package(condition=when("Ring", "Pilot"))
    assert last(dynamic(rule("Ring", "Pilot")), inside).runs is YES
    assert last(dynamic(rule("Ring", "Other")), inside).runs is NO
    chosen = rule("Ring", "Pilot", condition=when("Site", "1"))
    assert last(dynamic(chosen), inside, known={"Site": "1"}).runs is YES
    assert last(dynamic(chosen), inside).runs is NO
    by_model = rule("Ring", "Pilot", condition=model("X"))
    assert last(dynamic(by_model), inside).runs is OPEN


def test_a_rule_that_nobody_decides_sets_nothing_even_if_such_steps_run() -> None:
    by_model = rule("Ring", "Pilot", condition=model("X"))
    inside = needs_package(condition=when("Ring", "Pilot"))
    assert last(dynamic(by_model), inside, unanswered=YES).runs is NO


def test_rules_that_cannot_be_read_may_set_anything() -> None:
    broken = step("SetDynamicVariablesAction", parameters={"Rules": "<Rules><Rule"})
    assert last(broken, needs_package(condition=when("Ring", "Pilot"))).runs is OPEN


def test_a_package_that_an_earlier_step_chose() -> None:
    """Fault: a variable overrides a step's package list. dlcore fetches what it says."""
    found = last(sets(DOWNLOADS, B), download(A))
    assert (found.packages, found.maybe_packages) == ((B,), ())


def test_a_list_that_an_earlier_step_made() -> None:
    found = last(sets("DRV", f"{A},{B}"), download("%DRV%"))
    assert (found.packages, found.unresolved) == ((A, B), ())


def test_a_package_that_an_earlier_step_may_choose() -> None:
    """Fault: the step that chooses a driver may run. dlcore expects each choice."""
    found = last(
        sets(DOWNLOADS, B, condition=model("X")),
        sets(DOWNLOADS, C, condition=model("Y")),
        download(A),
    )
    assert (found.packages, found.maybe_packages) == ((), (A, B, C))


def test_a_quoted_variable_that_an_earlier_step_may_set() -> None:
    found = last(sets("DRV", f"{A},{B}", condition=model("X")), download("%DRV%"))
    assert (found.packages, found.maybe_packages) == ((), (A, B))
    assert found.unresolved == (UnresolvedNeed("%DRV%", ("DRV",)),)


def test_a_later_certain_choice_ends_the_others() -> None:
    found = last(sets(DOWNLOADS, B, condition=model("X")), sets(DOWNLOADS, C), download(A))
    assert (found.packages, found.maybe_packages) == ((C,), ())


def test_a_value_made_of_an_unknown_one_is_not_known() -> None:
    output = step(parameters={"SMSTSRunCommandLineOutputVariableName": "OUT"})
    found = last(output, sets("DRV", "%OUT%"), download("%DRV%"), known={"DRV": A})
    assert (found.packages, found.maybe_packages) == ((), (A,))


def test_a_choice_that_a_step_may_take_back_leaves_the_steps_own_package() -> None:
    output = step(parameters={"SMSTSRunCommandLineOutputVariableName": "PackageID"})
    found = last(output, needs_package(A), known={"PackageID": B})
    assert (found.packages, found.maybe_packages) == ((), (B, A))


def test_a_list_that_names_a_wrong_id_too() -> None:
    found = last(download(f"{A},nonsense"))
    assert (found.packages, found.unresolved) == ((A,), (UnresolvedNeed("nonsense"),))


def test_a_program_does_not_make_a_package_uncertain() -> None:
    assert last(COMMAND, needs_package(A)).packages == (A,)
    assert last(step("BDD_Gather"), needs_package(A)).packages == (A,)
    assert last(COMMAND, download("%DRV%"), known={"DRV": A}).packages == (A,)


def test_a_variable_with_an_open_name_may_be_any() -> None:
    output = step(parameters={"SMSTSRunCommandLineOutputVariableName": "N"})
    found = last(output, sets("DRV%N%", B), download("%DRV1%"), known={"DRV1": A})
    assert (found.packages, found.maybe_packages) == ((), (A,))
    known = last(sets("DRV%N%", B), download("%DRV1%"), known={"DRV1": A, "N": "1"})
    assert known.packages == (B,)


@pytest.mark.parametrize("fills", [COMMAND, step("BDD_Gather"), step("Vendor_Action")])
def test_a_dynamic_list_that_an_earlier_step_may_fill(fills: str) -> None:
    """Fault: a script fills a dynamic list. dlcore says that it cannot tell yet."""
    install = step("InstallSoftwareAction", parameters={"BaseVariableName": "LIST"})
    missing = (UnresolvedNeed("LIST001", ("LIST001",)),)
    assert last(fills, install).unresolved == missing
    assert last(install).unresolved == ()
    assert last(sets("Other", "1"), install).unresolved == ()
    assert last(install, is_run=False).unresolved == missing
    found = last(sets("LIST001", f"{A}:Program"), fills, install)
    assert (*found.packages, *found.maybe_packages) == (A,)
    assert found.unresolved == ()


def test_the_packages_of_a_missing_child_are_possible() -> None:
    inside = {
        "OSDSubTasksequencePackageID": "ABC00090",
        "OSDSubTasksequenceTsReferencePackages": f"{A},{B}",
    }
    child = element("subtasksequence", {}, element("defaultVarList", {}, variables(inside)))
    found = last(child)
    assert (found.packages, found.maybe_packages) == ((), (A, B))


def test_what_a_step_that_does_not_run_would_need_is_told_too() -> None:
    assert last(needs_package(A, disable="true")).packages == (A,)


def test_the_work_grows_with_the_number_of_steps_only() -> None:
    """Twice as many steps, groups and variables ask the evaluator twice as many questions."""

    def questions(count: int) -> int:
        asked = 0

        def evaluator(*_: object) -> Verdict:
            nonlocal asked
            asked += 1
            return OPEN

        inside = [
            group(
                f"group {n}",
                sets(f"V{n}", "x", condition=model(str(n))),
                COMMAND,
                needs_package(f"%V{n}%", condition=operator("or", model("a"), when(f"V{n}", "y"))),
                condition=operator("or", model("z"), when(f"V{n - 1}", "x")),
            )
            for n in range(count)
        ]
        assert len(list(foresee(read_steps(*inside), {}, evaluator))) == 3 * count
        return asked

    assert questions(400) == 2 * questions(200)


def test_a_variable_that_a_step_removes_stays_quoted_in_an_id() -> None:
    """Fault: an id quotes a variable that was removed. dlcore says so before the run."""
    found = last(sets("X", "", ""), download("%X%ABC0000A"))
    assert (found.packages, found.maybe_packages) == ((), ())
    assert found.unresolved == (UnresolvedNeed("%X%ABC0000A", ("X",)),)
