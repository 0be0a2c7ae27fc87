"""Which mutants: a seeded random sample of cosmic-ray's, spread over the files by their lines."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import parso.python.tree
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

Place: TypeAlias = tuple[tuple[int, int], tuple[int, int]]  # from where to where: line and column
_DECLARATIONS = {"frozen", "slots", "kw_only", "eq"}  # nothing depends on them at run time


class RemoveCall:
    """Leaves out a call whose value is not used: cosmic-ray has no operator for it."""

    def mutation_positions(self, node: Any) -> Iterator[Place]:
        """Yield the place of `node` if it is a whole statement that calls something."""
        statement = getattr(node.parent, "type", "") == "simple_stmt"
        if statement and node.type in {"atom_expr", "power"}:
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Return ``pass`` in place of `node`."""
        return parso.python.tree.Keyword("pass", node.start_pos, node.get_first_leaf().prefix)


@dataclass(frozen=True)
class Mutant:
    """One change of one file. `lines` are those that it touches, from 1."""

    file: str
    operator: str
    occurrence: int
    lines: range

    @property
    def name(self) -> str:
        """What to call it: the same in every run over the same tree."""
        return f"{self.file}:{self.lines.start} {self.operator} #{self.occurrence}"

    def of(self, source: str) -> str:
        """The text of the file with the change."""
        return str(mutate_code(source, _operator(self.operator), self.occurrence))


def sample(tree: Path, rooms: Iterable[str], count: int, seed: int) -> list[Mutant]:
    """About `count` mutants of the files of `rooms`: a line by chance, a kind by chance, then one.

    Those that are not Python any more (``**settings`` made ``*settings``) are left out.
    """
    choice = random.Random(seed)
    by_line: dict[tuple[str, int], dict[str, list[Mutant]]] = {}
    for path in sorted(path for room in rooms for path in (tree / "dlcore" / room).rglob("*.py")):
        for mutant in _mutants(path, path.relative_to(tree).as_posix()):
            kinds = by_line.setdefault((mutant.file, mutant.lines.start), {})
            kinds.setdefault(mutant.operator.split("Operator_")[0], []).append(mutant)
    kinds_of = [kinds for _, kinds in sorted(by_line.items())]
    chosen = [
        choice.choice(kinds[choice.choice(sorted(kinds))])
        for kinds in choice.sample(kinds_of, min(count, len(kinds_of)))
    ]
    return [mutant for mutant in chosen if _is_python(mutant, tree)]


def _is_python(mutant: Mutant, tree: Path) -> bool:
    try:
        ast.parse(mutant.of((tree / mutant.file).read_text(encoding="utf-8")))
    except SyntaxError:
        return False
    return True


def _operator(name: str) -> Any:
    return RemoveCall() if name == "RemoveCall" else get_operator(name)()


def _mutants(path: Path, name: str) -> Iterator[Mutant]:
    source = path.read_text(encoding="utf-8")
    left_out = list(_declared(ast.parse(source)))
    nodes = list(ast_nodes(get_ast(source)))
    # Those with arguments of their own replace variables by others, mostly for a NameError.
    known = [name for name in sorted(operator_names()) if not get_operator(name).arguments()]
    for operator in ["RemoveCall", *known]:
        one = _operator(operator)
        places = [place for node in nodes for place in one.mutation_positions(node)]
        for occurrence, (start, end) in enumerate(places):
            if not any(first <= start and end <= last for first, last in left_out):
                yield Mutant(name, operator, occurrence, range(start[0], end[0] + 1))


def _declared(tree: ast.AST) -> Iterator[Place]:
    """Yield the places of what does nothing at run time: annotations, ``frozen=True``."""
    for node in ast.walk(tree):
        parts = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        if isinstance(node, ast.keyword) and node.arg in _DECLARATIONS:
            parts.append(node.value)
        for part in filter(None, parts):
            yield (part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)
        for decorator in getattr(node, "decorator_list", ()):
            if isinstance(decorator, ast.Name) and decorator.id in {"override", "final"}:
                yield (decorator.lineno, 0), (decorator.lineno + 1, 0)
