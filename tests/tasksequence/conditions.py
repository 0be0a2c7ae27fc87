"""Conditions of any shape, for laws."""

from __future__ import annotations

from hypothesis import strategies as st

from dlcore.tasksequence import And, Condition, Not, Or


def conditions_of(
    leaves: st.SearchStrategy[Condition], *, fewest: int, max_leaves: int
) -> st.SearchStrategy[Condition]:
    """Conditions over given leaves, in which ``And`` and ``Or`` join at least so many."""

    def joined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
        several = st.lists(inner, min_size=fewest, max_size=3).map(tuple)
        return st.one_of(several.map(And), several.map(Or), inner.map(Not))

    return st.recursive(leaves, joined, max_leaves=max_leaves)
