"""Which packages the agent fetches, and in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dlcore.agent.interface import Priority, Want
from dlcore.agent.wants import FetchOrder, order_of
from dlcore.engine.running.lookahead import Lookahead

IDS = st.sampled_from([f"P{number}" for number in range(8)])
LISTS = st.lists(IDS, max_size=5).map(tuple)
WANTS = st.lists(
    st.builds(
        Want,
        name=st.uuids().map(str),
        packages=LISTS,
        priority=st.sampled_from(Priority),
        by_s=st.none() | st.floats(0, 100),
    ),
    max_size=6,
)


def test_wants_of_the_same_rank_take_turns() -> None:
    wants = [Want("a", ("A1", "A2", "A3")), Want("b", ("B1", "A3"))]
    assert order_of(wants, {}).foreground == ("A1", "B1", "A2", "A3")


def test_what_is_needed_now_comes_before_what_has_a_deadline() -> None:
    wants = [Want("later", ("L",), by_s=9.0), Want("soon", ("S",), by_s=5.0), Want("now", ("N",))]
    assert order_of(wants, {}).foreground == ("N", "S", "L")


def test_the_background_comes_last_whatever_its_deadline() -> None:
    wants = [
        Want("back", ("B", "F"), priority=Priority.BACKGROUND, by_s=1.0),
        Want("front", ("F",), by_s=9.0),
    ]
    assert order_of(wants, {}) == FetchOrder(("F",), ("B",), due={1.0: ("F", "B")})


def test_what_the_next_steps_need_follows_the_packages_of_the_want() -> None:
    ahead = {"a": Lookahead(("N1", "P"), ("M", "P"))}
    order = order_of([Want("a", ("P",))], ahead)
    assert (order.foreground, order.maybe_needed) == (("P", "N1"), ("M",))


def test_what_a_step_works_in_is_kept_and_fetched_for_nobody() -> None:
    mine = Want("mine", ("A", "B"), kept=("A", "B", "C"), maybe_packages=("C", "D"), in_use=("A",))
    order = order_of([Want("other", ("A",)), mine], {})
    assert (order.packages, order.kept, order.in_use) == (
        ("B", "C", "D"),
        ("A", "B", "C"),
        frozenset({"A"}),
    )


def test_two_wants_may_mean_two_versions_of_a_package() -> None:
    """What a step works in is the version of its own want, and no other."""
    wants = [Want("old", ("A",), kept=("A",), in_use=("A",)), Want("new", ("A",))]
    order = order_of(wants, {}, lambda package, want: f"{package}@1" if want == "old" else package)
    assert (order.packages, order.kept) == (("A",), ("A@1",))


@given(WANTS, st.lists(LISTS, min_size=6, max_size=6))
def test_each_package_has_one_place(wants: list[Want], maybe: list[tuple[str, ...]]) -> None:
    ahead = {w.name: Lookahead((), m) for w, m in zip(wants, maybe, strict=False)}
    order = order_of(wants, ahead)
    assert len(set(order.packages)) == len(order.packages)
    assert {p for w in wants for p in w.packages} == set(order.needed)
    front = {p for w in wants if w.priority is Priority.FOREGROUND for p in w.packages}
    assert set(order.foreground) == front


@given(WANTS.filter(bool))
def test_the_order_within_a_want_is_kept_unless_another_needs_it_earlier(wants: list[Want]) -> None:
    alone = order_of(wants[:1], {}).needed
    assert alone == tuple(dict.fromkeys(wants[0].packages))


def test_only_what_is_missing_decides_how_much_of_the_link_is_used() -> None:
    order = FetchOrder(("F",), ("B",))
    assert order.priority(lambda _: False) is Priority.FOREGROUND
    assert order.priority({"F"}.__contains__) is Priority.BACKGROUND
    assert order.priority({"F", "B"}.__contains__) is Priority.FOREGROUND
