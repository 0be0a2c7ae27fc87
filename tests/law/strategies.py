"""Random task sequences. Names are unique, as attempts are counted by them."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import strategies as st

from tests.law.programs import (
    Attempt,
    Command,
    Condition,
    Group,
    Node,
    Operator,
    Options,
    Restart,
    SetVariable,
    Variable,
)

OWN = ("Model", "Ring", "Count")
BUILT_IN = ("_SMSTSInWinPE", "_SMSTSLastActionSucceeded", "_SMSTSLastActionRetCode")
TEXTS = ("", "a", "A", "b", "true", "false", "0")
NUMBERS = ("0", "1", "5", "10", "3010")
ORDERS = ("less", "lessEqual", "greater", "greaterEqual")
CODES = (0, 1, 5, 3010)

_texts = st.sampled_from((*TEXTS, "%Model%", "%ring%", "%Count%"))
_numbers = st.sampled_from(NUMBERS)
_leaves = st.one_of(
    st.builds(
        Variable, st.sampled_from(OWN + BUILT_IN), st.sampled_from(("equals", "notEquals")), _texts
    ),
    st.builds(
        Variable,
        st.sampled_from((*OWN, "Missing")),
        st.sampled_from(("exists", "notExists")),
        st.just(""),
    ),
    st.builds(
        Variable,
        st.sampled_from(("Count", "_SMSTSLastActionRetCode")),
        st.sampled_from(ORDERS),
        _numbers,
    ),
)


def _joined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    operands = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.builds(Operator, st.sampled_from(("and", "or", "not")), operands)


_rarely = st.sampled_from((False,) * 7 + (True,))
conditions: st.SearchStrategy[Condition] = st.recursive(_leaves, _joined, max_leaves=4)
_options = st.builds(
    Options,
    is_disabled=_rarely,
    continue_on_error=st.booleans(),
    condition=st.one_of(st.none(), st.none(), conditions),
)
_own_settings = st.tuples(st.sampled_from(OWN[:2]), st.sampled_from(TEXTS)) | st.tuples(
    st.just("Count"), _numbers
)
_requests = st.sampled_from(
    (
        (),
        (),
        (),
        (("SMSTSRebootRequested", "HD"),),
        (("SMSTSRebootRequested", "true"), ("SMSTSRetryRequested", "true")),
        (("SMSTSRetryRequested", "true"),),
    )
)
_attempts = st.builds(
    lambda code, own, request: Attempt(code, (*own, *request)),
    st.sampled_from(CODES),
    st.lists(_own_settings, max_size=2).map(tuple),
    _requests,
)
_commands = st.builds(
    lambda attempts, last, codes, retries, in_pe, options: Command(
        "", (*attempts, last), codes, retries, in_pe, options
    ),
    st.lists(_attempts, max_size=3),
    # A command that asks for a retry each time would never end.
    _attempts.filter(lambda attempt: "SMSTSRetryRequested" not in dict(attempt.sets)),
    st.sampled_from(((), (0,), (0, 5), (1, 3010))),
    st.integers(0, 2),
    _rarely,
    _options,
)
_settings = st.builds(
    lambda setting, options: SetVariable("", setting[0], setting[1], options),
    _own_settings | st.tuples(st.sampled_from(OWN[:2]), _texts),
    _options,
)
_steps = st.one_of(_settings, _commands, _commands, st.builds(Restart, st.just(""), _options))


def _grouped(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    children = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.builds(Group, st.just(""), children, _options, st.booleans())


_nodes: st.SearchStrategy[Node] = st.one_of(_steps, _grouped(st.one_of(_steps, _grouped(_steps))))


def _named(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    numbers = itertools.count(1)

    def name(node: Node) -> Node:
        named = replace(node, name=f"{type(node).__name__} {next(numbers)}")
        if isinstance(named, Group):
            return replace(named, children=tuple(map(name, named.children)))
        return named

    return tuple(map(name, nodes))


programs = st.lists(_nodes, min_size=2, max_size=6).map(tuple).map(_named)
