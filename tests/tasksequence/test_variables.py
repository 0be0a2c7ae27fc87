"""Variables ignore the case of their names and expand without end or surprise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dlcore.errors import TaskSequenceError
from dlcore.tasksequence import FrozenVariables, Variables
from dlcore.tasksequence.variables import MAX_EXPANDED_CHARACTERS, names_quoted
from tests.tasksequence.documents import LAW

NAMES = st.sampled_from(["A", "a", "B", "Bb", "_x", "LONG-NAME", "é"])
TEXTS = st.lists(
    st.one_of(
        NAMES.map(lambda n: f"%{n}%"), st.sampled_from(["%", "%%", "100% of ", "x", "A", " "])
    )
).map("".join)
VALUES = st.dictionaries(NAMES, TEXTS)


def test_names_ignore_case_and_keep_their_first_spelling() -> None:
    known = Variables({"OsdName": "1"})
    known["OSDNAME"] = "2"
    assert known["osdname"] == "2"
    assert list(known) == ["OsdName"]
    assert "oSdNaMe" in known
    del known["OSDname"]
    assert len(known) == 0
    with pytest.raises(KeyError, match="OSDname"):
        known["OSDname"]
    with pytest.raises(KeyError):
        del known["OSDname"]


def test_a_frozen_copy_stays_as_it_was() -> None:
    known = Variables({"A": "1"})
    copy = known.freeze()
    known["A"] = "2"
    assert copy["a"] == "1"
    assert copy == FrozenVariables({"a": "1"})
    assert hash(copy) == hash(FrozenVariables({"a": "1"}))
    assert copy != known


def test_no_repr_tells_a_value() -> None:
    assert "hunter2" not in repr(Variables({"OSDJoinPassword": "hunter2"}))
    assert "OSDJoinPassword" in repr(Variables({"OSDJoinPassword": "hunter2"}))


class LikeADict(RuleBasedStateMachine):
    """`Variables` does what a dict of upper-case names does."""

    def __init__(self) -> None:
        super().__init__()
        self.real = Variables()
        self.model: dict[str, str] = {}

    @rule(name=NAMES, value=st.text(max_size=3))
    def set(self, name: str, value: str) -> None:
        self.real[name] = value
        self.model[name.upper()] = value

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        assert self.real.pop(name, None) == self.model.pop(name.upper(), None)

    @invariant()
    def same(self) -> None:
        assert {name.upper(): value for name, value in self.real.items()} == self.model
        assert self.real == self.model
        assert len(self.real) == len(self.model)


TestLikeADict = LikeADict.TestCase
TestLikeADict.settings = LAW


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("%name%", "World"),
        ("Hello %NAME%!", "Hello World!"),
        ("%unknown%", "%unknown%"),
        ("100% of %name%", "100% of World"),
        ("%unknown%name%", "%unknownWorld"),
        ("%%name%%", "%World%"),
        ("%outer%", "<World>"),
        ("%deep%", "<<%name%>>"),
        ("%self%", "%self%"),
        ("%", "%"),
        ("", ""),
        ("LIKE '%a name%'", "LIKE '%a name%'"),
    ],
)
def test_references_are_replaced_two_levels_deep(text: str, expanded: str) -> None:
    known = Variables(
        {
            "Name": "World",
            "outer": "<%name%>",
            "deep": "<%outer%>",
            "self": "%self%",
            "a name": "never",
        }
    )
    assert known.expand(text) == expanded


@LAW
@given(VALUES, TEXTS)
def test_expanding_replaces_no_more_than_it_quotes(values: dict[str, str], text: str) -> None:
    known = FrozenVariables(values)
    expanded = known.expand(text)
    quoted = names_quoted(text) & {name.upper() for name in values}
    if not quoted:
        assert expanded == text
    inner = frozenset[str]().union(*(names_quoted(known[name]) for name in quoted))
    others = {n: v for n, v in values.items() if n.upper() not in names_quoted(text) | inner}
    assert FrozenVariables({**dict(known), **dict.fromkeys(others, "changed")}).expand(text) == (
        expanded
    )


@LAW
@given(st.dictionaries(NAMES, st.sampled_from(["", "x", "y z"])), TEXTS)
def test_plain_values_leave_nothing_known_to_expand(values: dict[str, str], text: str) -> None:
    known = FrozenVariables(values)
    once = known.expand(text)
    if "%" not in once:
        assert known.expand(once) == once


@LAW
@given(st.text(alphabet=st.characters(exclude_characters="%")), VALUES)
def test_text_without_percent_stays(text: str, values: dict[str, str]) -> None:
    assert FrozenVariables(values).expand(text) == text


def test_a_text_that_grows_without_bound_is_refused_without_telling_values() -> None:
    known = Variables({"A": "secret" * 100_000, "B": "%A%" * 100_000})
    with pytest.raises(TaskSequenceError, match="%A% expands") as caught:
        known.expand("%B%")
    assert "secret" not in str(caught.value)
    assert (
        len(known.expand("x" * (2 * MAX_EXPANDED_CHARACTERS) + "%nothing%"))
        > MAX_EXPANDED_CHARACTERS
    )


def test_a_marked_variable_is_masked_and_stays_marked() -> None:
    known = Variables({"Pin": "4711", "Plain": "open"})
    known.mark_secret("PIN")
    known["pin"] = "0815"
    assert known.masked("0815 4711 open") == "*** 4711 open"
    assert known.secrets == {"Pin"}
    assert known.freeze().masked("0815") == "***"
    assert Variables(known).secrets == {"Pin"}


def test_a_documented_password_needs_no_mark() -> None:
    known = FrozenVariables({"osdJoinPassword": "hunter2", "OSDJoinAccount": "someone"})
    assert known.secrets == {"osdJoinPassword"}
    assert known.masked("someone has hunter2") == "someone has ***"


def test_a_secret_within_a_secret_leaves_nothing_of_either() -> None:
    known = Variables({"A": "pass", "B": "password"})
    known.mark_secret("A")
    known.mark_secret("B")
    assert known.masked("password, pass") == "***, ***"


@pytest.mark.parametrize("value", ["", "abc"])
def test_a_short_secret_is_not_masked(value: str) -> None:
    known = Variables({"A": value})
    known.mark_secret("A")
    assert known.masked("abc and more") == "abc and more"


@pytest.mark.parametrize("new", ["", "other", None])
def test_what_holds_a_secret_that_goes_becomes_secret(new: str | None) -> None:
    """Fault: a secret was copied, then changed. dlcore goes on hiding the copy."""
    known = Variables({"Plain": "open"})
    known.mark_secret("Pin")
    known["Pin"] = "hunter2"
    known["Copy"] = "-p hunter2"
    if new is None:
        del known["Pin"]
    else:
        known["Pin"] = new
    assert known.masked("-p hunter2 open") == "*** open"
    assert {name.upper() for name in known.secrets} == {"COPY", "PIN"}


def test_a_secret_that_quotes_a_variable_is_hidden_as_it_is_used() -> None:
    """Fault: a password quotes a variable. dlcore hides what a step makes of it."""
    known = FrozenVariables({"OSDJoinPassword": "hun%X%2", "X": "ter"})
    assert known.masked("hun%X%2") == "***"
    assert known.masked(known.expand("/p:%OSDJoinPassword%")) == "/p:***"
