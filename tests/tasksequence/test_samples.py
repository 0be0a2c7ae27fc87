"""Real exports, where they lie beside the project, give the packages they are known to need."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.tasksequence import (
    Operator,
    TaskSequence,
    VariableExpression,
    Verdict,
    WmiExpression,
    evaluate,
    from_facts,
    load,
    needs,
    packages_in_order,
    unresolved_needs,
    variables_read,
    variables_written,
)

SAMPLES = Path(__file__).parents[3] / "shared" / "task-sequences"


def sample(name: str) -> TaskSequence:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"no sample {name} beside the project")
    return load(path)


@pytest.mark.parametrize(
    ("name", "packages"),
    [
        ("windows-10-upgrade.object.xml", ("PS10005C", "PS100241", "PS10024D")),
        ("boundary-group-test.xml", ("OPC00318", "OPC00319", "OPC0031A")),
        ("upgrade-compatibility-checks.xml", ("OPC0024C",)),
    ],
)
def test_the_packages_are_those_of_the_reference_list(name: str, packages: tuple[str, ...]) -> None:
    """Nothing is taken off: each listed package is needed by a step that is not disabled."""
    found = sample(name)
    assert packages_in_order(found) == packages
    assert tuple(reference.package for reference in found.references) == packages
    assert not any(unresolved_needs(step) for step in found.steps)


def test_the_only_disabled_step_of_the_samples_needs_nothing() -> None:
    found = sample("upgrade-compatibility-checks.xml")
    disabled = [step for step in found.steps if not step.enabled]
    assert [step.name for step in disabled] == ["Restart Computer - not needed"]
    assert needs(disabled[0]) == ()


def test_exit_codes_of_setup_are_not_taken_for_packages() -> None:
    found = sample("upgrade-compatibility-checks.xml")
    texts = " ".join(step.action for step in found.steps)
    assert "C1900200" in texts  # looks like an id
    assert "C1900200" not in packages_in_order(found)


def test_the_upgrade_is_read_in_full() -> None:
    found = sample("windows-10-upgrade.object.xml")
    assert found.package_id == "PS10000E"
    assert found.name == "Windows 10 Enterprise x64 v1607 Upgrade"
    assert (found.version, found.boot_image_id) == ("3.10", "")
    assert (len(found.steps), len(found.groups)) == (9, 6)
    assert found.steps[1].continue_on_error
    assert [needs(s) for s in found.steps if s.type.endswith("UpgradeOperatingSystemAction")] == [
        ("PS10005C",),
        ("PS10005C",),
    ]
    assert isinstance(found.steps[2].condition, WmiExpression)
    assert found.groups[2].condition == VariableExpression(
        "_SMSTSOSUpgradeActionReturnCode", Operator.EQUALS, "3247440400"
    )


def test_the_drivers_of_another_model_are_known_to_be_needless() -> None:
    found = sample("windows-10-upgrade.object.xml")
    dell, hp = found.steps[2], found.steps[3]
    assert isinstance(dell.condition, WmiExpression)
    evaluator = from_facts({dell.condition.query: True}, lambda *_: Verdict.FALSE)
    assert evaluate(dell.condition, {}, evaluator) is Verdict.TRUE
    assert evaluate(hp.condition, {}, evaluator) is Verdict.FALSE


def test_the_upgrade_group_cannot_be_decided_before_the_assessment_has_run() -> None:
    found = sample("windows-10-upgrade.object.xml")
    read = variables_read(found.groups[2].condition)
    assert not read & variables_written(found.steps[0])
    assert read & variables_written(found.steps[1])
