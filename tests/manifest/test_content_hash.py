"""ConfigMgr's package content hash: vectors, and a second implementation that agrees."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.manifest import FolderDigests, content_hash, has_content_hash, is_content_hash
from tests.manifest.package_hash import Tree, told_by

NAMES = st.text("abAB_-[ .1äÄñÑжЖ", min_size=1, max_size=4)


def unlike(names: Mapping[str, object]) -> bool:
    return len({name.upper() for name in names}) == len(names)


TREES: st.SearchStrategy[Tree] = st.recursive(
    st.dictionaries(NAMES, st.binary(max_size=2), max_size=4).filter(unlike),
    lambda inner: st.dictionaries(NAMES, inner | st.binary(max_size=2), max_size=4).filter(unlike),
    max_leaves=8,
)


def digests(tree: Tree) -> FolderDigests:
    files: dict[str, bytes] = {}
    folders: list[str] = []

    def add(inner: Tree, way: str) -> None:
        for name, content in inner.items():
            if isinstance(content, bytes):
                files[way + name] = hashlib.sha256(content).digest()
            else:
                folders.append(way + name)
                add(content, f"{way}{name}/")

    add(tree, "")
    return FolderDigests(files, tuple(folders))


# Each is what printf | iconv -t utf-16le | sha256sum gives for the text behind it, in which 1 and 2
# stand for the digests of "one" and "two".
VECTORS: list[tuple[Tree, str]] = [
    # setup.exe 1
    ({"Setup.EXE": b"one"}, "1EC73ACB11B89C706ED6A52AE6F8D7160EA607B6A72DA93102D00E79B007EB74"),
    # a_b empty a.txt b.txt 1 2 a_b\c.txt 1
    (
        {"b.txt": b"two", "A.txt": b"one", "Empty": {}, "a_b": {"C.txt": b"one"}},
        "CCB1FB31AB64F4276138A068A8C14604E869367C5DBCBDFEEB9CA888BD15545E",
    ),
    # españolüber.txt 1
    (
        {"EspañolÜber.txt": b"one"},
        "10B630A6BBA505C28A0D9759B159A6A581FBF98EAC43435E228AB71E0A8655DB",
    ),
    # aab a_b aabx a_bx 1 2 aab\1 1 a_b\2 2
    (
        {"a_b": {"2": b"two"}, "aab": {"1": b"one"}, "a_bx": b"two", "aabx": b"one"},
        "D1B90EF8E435B41298847C305436031F37187D666FE5B82EBC22D19AA76C84C5",
    ),
]


@pytest.mark.parametrize(("tree", "told"), VECTORS, ids=["one", "folders", "letters", "order"])
def test_vectors(tree: Tree, told: str) -> None:
    assert content_hash(digests(tree)) == told
    assert has_content_hash(digests(tree), told.lower())
    assert told_by(tree) == told


def test_either_order_of_folders_counts() -> None:
    # as the last vector, with a_b\2 2 aab\1 1 at the end
    told = "FC346A1FE19A47222A20777A02BFB3A5930932D0715110C2CBEC0C9FC7174D38"
    assert has_content_hash(digests(VECTORS[3][0]), told)


@settings(deadline=None, max_examples=40)
@given(TREES)
def test_both_implementations_agree(tree: Tree) -> None:
    content = digests(tree)
    assert content_hash(content) == told_by(tree)
    assert has_content_hash(content, told_by(tree, str.lower))


@settings(deadline=None, max_examples=40)
@given(TREES, st.binary(max_size=2))
def test_other_bytes_have_another_hash(tree: Tree, data: bytes) -> None:
    content = digests({**tree, "file": data})
    other = digests({**tree, "file": data + b"x"})
    assert not has_content_hash(other, content_hash(content))


def test_an_empty_folder_counts() -> None:
    file = {"a": hashlib.sha256().digest()}
    with_folder = FolderDigests(file, ("deep/empty",))
    assert content_hash(with_folder) != content_hash(FolderDigests(file))
    named_too = FolderDigests(file, ("deep", "deep/empty"))
    assert content_hash(with_folder) == content_hash(named_too)


def test_a_letter_that_windows_leaves_alone_stays() -> None:
    """One character may not become two, and none beyond 16 bits has another case."""
    digest = hashlib.sha256(b"one").digest()
    for name in ("İ", "\U00010400", "\ud800"):
        text = (name + digest.hex().upper()).encode("utf-16-le", "surrogatepass")
        told = hashlib.sha256(text).hexdigest().upper()
        assert content_hash(FolderDigests({name: digest})) == told


def test_the_hash_does_not_tell_where_a_name_ends() -> None:
    """What the documents say about it is true: it is weaker than a manifest."""
    tree, other = {"ab": b"1", "c": b"2"}, {"a": b"1", "bc": b"2"}
    assert content_hash(digests(tree)) == content_hash(digests(other))


@pytest.mark.parametrize("text", ["", "AB" * 16, "AB" * 20, "AB" * 31 + "AG", f"{'AB' * 32}\n"])
def test_another_form_is_no_content_hash(text: str) -> None:
    assert not is_content_hash(text)
    assert is_content_hash("aB" * 32)
