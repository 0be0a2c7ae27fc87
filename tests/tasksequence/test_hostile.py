"""Hostile documents are refused, by name and place, in bounded time and memory."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dlcore.errors import DlcoreError, TaskSequenceError
from dlcore.tasksequence import markup, packages_in_order, read, unresolved_needs
from tests.tasksequence.documents import (
    LAW,
    cim,
    export_zip,
    group,
    of_2007,
    read_text,
    sequence,
    step,
    subsequence,
    when,
)

PASSWD = '<!ENTITY x SYSTEM "file:///etc/passwd">'
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
DECLARATIONS = {
    "billion laughs": f'<!DOCTYPE s [<!ENTITY l0 "lol">{LAUGHS}]><sequence>&l9;</sequence>',
    "quadratic blow-up": f'<!DOCTYPE s [<!ENTITY a "{"a" * 50_000}">]>'
    f"<sequence>{'&a;' * 9_000}</sequence>",
    "external entity": f"<!DOCTYPE s [{PASSWD}]><sequence>&x;</sequence>",
    "external DTD": '<!DOCTYPE s SYSTEM "http://127.0.0.1/s.dtd"><sequence/>',
    "parameter entity": '<!DOCTYPE s [<!ENTITY % p SYSTEM "http://127.0.0.1/p">%p;]><sequence/>',
    "empty DTD": "<!DOCTYPE sequence><sequence/>",
    "default attributes": '<!DOCTYPE s [<!ATTLIST sequence version CDATA "3.10">]><sequence/>',
}


@pytest.mark.parametrize("trick", DECLARATIONS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused(trick: str, encoding: str) -> None:
    """Fault M6: an XML document has a document type. dlcore refuses it."""
    with pytest.raises(TaskSequenceError, match=r"^bad\.xml: line 1: declares a document type"):
        read(DECLARATIONS[trick].encode(encoding), source="bad.xml")


@pytest.mark.parametrize("trick", DECLARATIONS)
def test_a_document_type_is_refused_inside_quoted_text_too(trick: str) -> None:
    with pytest.raises(TaskSequenceError, match="!Sequence: line 1: declares a document type"):
        read_text(cim(DECLARATIONS[trick]))
    with pytest.raises(TaskSequenceError, match="!SequenceData: line 1: declares"):
        read_text(of_2007(f"<![CDATA[{DECLARATIONS[trick]}]]>"))


def test_an_undeclared_entity_is_refused() -> None:
    with pytest.raises(TaskSequenceError, match="not well-formed"):
        read_text("<sequence>&nbsp;</sequence>")


@pytest.mark.parametrize("depth", [markup.MAX_DEPTH, 100_000])
def test_elements_nested_too_deep_are_refused_with_the_line(depth: int) -> None:
    with pytest.raises(TaskSequenceError, match="line 2: elements nested over 100 deep"):
        read_text("<sequence>\n" + "<group>" * depth + "</group>" * depth + "</sequence>")


def test_the_deepest_allowed_nesting_is_read_and_walked() -> None:
    depth = markup.MAX_DEPTH - 1
    text = "<sequence>" + "<group>" * depth + "</group>" * depth + "</sequence>"
    result = read_text(text)
    assert len(result.groups) == depth + 1
    assert hash(result) == hash(read_text(text))
    assert repr(result)


def test_deep_conditions_are_refused_before_anything_recurses() -> None:
    nested = '<operator type="and">' * 50_000 + "</operator>" * 50_000
    with pytest.raises(TaskSequenceError, match="nested over"):
        read_text(f"<sequence><step><condition>{nested}</condition></step></sequence>")


def test_too_many_elements_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markup, "MAX_ELEMENTS", 1000)
    with pytest.raises(TaskSequenceError, match="line 1: over 1000 elements"):
        read_text("<sequence>" + "<step/>" * 1000 + "</sequence>")


def test_a_document_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(TaskSequenceError, match="over 16 MiB of XML"):
        read(b"<" * (markup.MAX_DOCUMENT_BYTES + 1), source="big.xml")


def test_a_huge_attribute_costs_no_more_than_its_size() -> None:
    """Fault M6: an XML document is made to be slow. dlcore's cost is linear."""
    text = f'<sequence><step name="{"x" * (8 << 20)}"/></sequence>'
    tracemalloc.start()
    started = time.process_time()
    result = read_text(text)
    spent_s = time.process_time() - started
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(result.steps[0].name) == 8 << 20
    assert spent_s < 5
    assert peak_bytes < 12 * len(text)


def test_many_attributes_of_one_name_are_refused() -> None:
    with pytest.raises(TaskSequenceError, match="duplicate attribute"):
        read_text('<sequence><step name="a" name="b"/></sequence>')


def test_errors_quote_no_endless_text() -> None:
    with pytest.raises(TaskSequenceError) as caught:
        read_text(
            f'<sequence><step name="{"n" * 100_000}" retryCount="{"x" * 99_999}"/></sequence>'
        )
    assert len(caught.value.message) < 1000


SEEDS = [
    text.encode(encoding)
    for text in (
        sequence(
            group("G", step("InstallSoftwareAction", parameters={"PackageID": "ABC00012"})),
            step(condition=when("X", "%Y%"), successCodeList="0 3010", timeout="60"),
        ),
        cim(sequence(subsequence("ABC00002"), step())),
        of_2007(sequence(step())),
    )
    for encoding in ("utf-8", "utf-16", "utf-16-be")
] + [
    export_zip({"ABC00001": sequence(subsequence("ABC00002")), "ABC00002": sequence(step())}),
]


def survive(data: bytes) -> None:
    """Read and use ``data``: nothing but our own errors may come out."""
    try:
        result = read(data, source="fuzz")
    except DlcoreError:
        return
    packages_in_order(result)
    for one in result.steps:
        unresolved_needs(one)


@LAW
@given(st.sampled_from(SEEDS), st.floats(0, 1))
def test_a_truncated_document_is_refused_or_read_and_nothing_else(
    seed: bytes, share: float
) -> None:
    survive(seed[: int(len(seed) * share)])


@LAW
@given(st.data())
def test_a_damaged_document_is_refused_or_read_and_nothing_else(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    survive(bytes(damaged))


@LAW
@given(st.binary(max_size=200))
@example(b"\xff\xfe\x00\x00<\x00\x00\x00")
@example(b"PK\x05\x06" + b"\x00" * 18)
@example(b"PK\x03\x04")
def test_any_bytes_are_refused_or_read_and_nothing_else(data: bytes) -> None:
    survive(data)
    survive(b"PK\x03\x04" + data)
    survive(b"<sequence>" + data + b"</sequence>")


TAGS = ("sequence", "group", "step", "subtasksequence", "condition", "operator", "expression")
NAMES = ("type", "name", "disable", "retryCount", "timeout", "successCodeList", "continueOnError")


@LAW
@given(st.data())
def test_any_arrangement_of_known_elements_is_refused_or_read(data: st.DataObject) -> None:
    def draw_element(depth: int) -> str:
        tag = data.draw(st.sampled_from((*TAGS, "variable", "defaultVarList", "action")))
        names = data.draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
        values = st.sampled_from(
            ("", "not", "true", "-1", "%A%", "SMS_TaskSequence_VariableConditionExpression")
        )
        attributes = "".join(f' {name}="{data.draw(values)}"' for name in names)
        count = data.draw(st.integers(0, 3)) if depth < 4 else 0
        inside = "".join(draw_element(depth + 1) for _ in range(count))
        return f"<{tag}{attributes}>{inside or data.draw(values)}</{tag}>"

    survive(f"<sequence>{draw_element(0)}{draw_element(0)}</sequence>".encode())
