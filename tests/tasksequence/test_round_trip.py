"""Random trees, written in every form and read back, are the same trees."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dlcore.tasksequence import (
    And,
    Condition,
    FileExpression,
    FolderExpression,
    FrozenVariables,
    Group,
    Node,
    Not,
    Operator,
    Or,
    OtherExpression,
    RegistryExpression,
    Step,
    Subsequence,
    TaskSequence,
    VariableExpression,
    WmiExpression,
    read,
)
from tests.tasksequence.conditions import conditions_of
from tests.tasksequence.documents import (
    LAW,
    PREFIX,
    cim,
    export_zip,
    expression,
    group,
    of_2007,
    operator,
    sequence,
    step,
    variables,
)

# Carriage returns and spaces at the ends are left out: XML and the editor change them.
TEXT = st.text(
    st.characters(
        codec="utf-8", categories=("L", "N", "P", "S"), exclude_characters="\u0131\u0130ŉ"
    ),
    max_size=8,
)
NAME = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,7}", fullmatch=True)
OPERATORS = st.sampled_from(Operator)
PARAMETERS = st.dictionaries(NAME, TEXT, max_size=3).map(FrozenVariables)
EXPRESSIONS: st.SearchStrategy[Condition] = st.one_of(
    st.builds(VariableExpression, NAME, OPERATORS, TEXT),
    st.builds(FileExpression, TEXT, TEXT, st.none() | OPERATORS, TEXT, st.none() | OPERATORS),
    st.builds(FolderExpression, TEXT, TEXT, st.none() | OPERATORS),
    st.builds(RegistryExpression, TEXT, OPERATORS, TEXT, TEXT, TEXT),
    st.builds(WmiExpression, TEXT, NAME),
    st.builds(OtherExpression, st.just(f"{PREFIX}SoftwareConditionExpression"), PARAMETERS),
)
CONDITIONS = conditions_of(EXPRESSIONS, fewest=2, max_leaves=5)
STEPS = st.fixed_dictionaries(
    {
        "name": TEXT,
        "kind": st.sampled_from(["RunCommandLineAction", "RebootAction", "BDD_Gather"]),
        "action": TEXT,
        "description": TEXT,
        "disabled": st.booleans(),
        "continue_on_error": st.booleans(),
        "success_codes": st.lists(st.integers(-(2**31), 2**32), min_size=1, unique=True).map(tuple),
        "retry_count": st.integers(0, 99),
        "timeout_s": st.none() | st.integers(1, 10**6),
        "start_in": TEXT,
        "condition": st.none() | CONDITIONS,
        "variables": PARAMETERS,
    }
)
MAX_NODES: st.SearchStrategy[dict[str, Any]] = st.recursive(
    STEPS,
    lambda inner: st.fixed_dictionaries(
        {
            "name": TEXT,
            "description": TEXT,
            "disabled": st.booleans(),
            "continue_on_error": st.booleans(),
            "condition": st.none() | CONDITIONS,
            "children": st.lists(inner, max_size=3),
        }
    ),
    max_leaves=8,
)


def word(flag: bool) -> str:
    return "true" if flag else "false"


def condition_text(condition: Condition | None) -> str:
    match condition:
        case None:
            return ""
        case And(operands):
            return operator("and", *map(condition_text, operands))
        case Or(operands):
            return operator("or", *map(condition_text, operands))
        case Not(Or(operands)):
            return operator("not", *map(condition_text, operands))
        case Not(operand):
            return operator("not", condition_text(operand))
        case VariableExpression(name, kind, value):
            return expression("Variable", Variable=name, Operator=kind, Value=value)
        case FileExpression(path, version, version_operator, time, time_operator):
            return expression(
                "File",
                Path=path,
                Version=version,
                VersionOperator=version_operator or "",
                DateTime=time,
                DateTimeOperator=time_operator or "",
            )
        case FolderExpression(path, time, time_operator):
            return expression(
                "Folder", Path=path, DateTime=time, DateTimeOperator=time_operator or ""
            )
        case RegistryExpression(key, kind, name, value_type, data):
            return expression(
                "Registry", KeyPath=key, Operator=kind, Value=name, Type=value_type, Data=data
            )
        case WmiExpression(query, namespace):
            return expression("WMI", Query=query, Namespace=namespace)
        case OtherExpression(_, parameters):
            return expression("Software", **parameters)


def node_text(node: dict[str, Any]) -> str:
    shared = {
        "description": node["description"],
        "disable": word(node["disabled"]),
        "continueOnError": word(node["continue_on_error"]),
    }
    condition = condition_text(node["condition"])
    if "children" in node:
        inside = map(node_text, node["children"])
        return group(node["name"], *inside, condition=condition, **shared)
    return step(
        node["kind"],
        node["name"],
        action=node["action"],
        condition=condition,
        parameters=node["variables"],
        successCodeList=" ".join(map(str, node["success_codes"])),
        retryCount=str(node["retry_count"]),
        timeout=str(node["timeout_s"] or ""),
        startIn=node["start_in"],
        **shared,
    )


def check(node: Node, drawn: dict[str, Any], enabled: bool, path: tuple[str, ...]) -> None:
    """Assert that a node that was read is the one that was written."""
    assert not isinstance(node, Subsequence)
    enabled = enabled and not drawn["disabled"]
    assert node.enabled == enabled
    for name in ("name", "description", "continue_on_error", "condition"):
        assert getattr(node, name) == drawn[name]
    if isinstance(node, Group):
        assert len(node.children) == len(drawn["children"])
        for child, inner in zip(node.children, drawn["children"], strict=True):
            check(child, inner, enabled, (*path, node.name))
        return
    assert node.path == path
    assert node.type.endswith(drawn["kind"])
    for name in ("action", "success_codes", "retry_count", "timeout_s", "start_in", "variables"):
        assert getattr(node, name) == drawn[name]


def check_view(result: TaskSequence) -> None:
    """Assert that the flat view numbers the tree in order of execution."""
    steps: list[Step] = []
    groups: list[Group] = []

    def visit(found: Group, around: tuple[int, ...]) -> None:
        groups.append(found)
        for child in found.children:
            if isinstance(child, Group):
                assert child.parent == found.index
                visit(child, (*around, found.index))
            elif isinstance(child, Step):
                assert child.groups == (*around, found.index)
                assert child.path == tuple(groups[i].name for i in child.groups[1:])
                steps.append(child)

    visit(result.root, ())
    assert (tuple(steps), tuple(groups)) == (result.steps, result.groups)
    assert [s.index for s in steps] == list(range(len(steps)))
    assert [g.index for g in groups] == list(range(len(groups)))


@LAW
@given(st.lists(MAX_NODES, max_size=3))
def test_a_tree_that_was_written_is_read_back_the_same_in_every_form(
    drawn: list[dict[str, Any]],
) -> None:
    text = sequence(*map(node_text, drawn))
    forms = [
        text.encode(),
        cim(text).encode("utf-16"),
        of_2007(text).encode(),
        export_zip({"ABC00001": text}),
    ]
    results = [read(data, source="drawn") for data in forms]
    check_view(results[0])
    assert len(results[0].root.children) == len(drawn)
    for node, inner in zip(results[0].root.children, drawn, strict=True):
        check(node, inner, True, ())
    for other in results[1:]:
        assert (other.steps, other.groups[1:]) == (results[0].steps, results[0].groups[1:])


def test_the_writer_of_these_tests_escapes() -> None:
    """Guards the generator: a writer that lost text would make the law above say little."""
    assert variables({"a": "<&>"}) == '<variable name="a">&lt;&amp;&gt;</variable>'
