"""What a fuzz target is, and the register of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"

Parse = Callable[[bytes], None]


class RefusedError(Exception):
    """The parser refused the input by returning None."""


@dataclass(frozen=True)
class Target:
    """A parser of foreign bytes.

    Attributes:
        name: Also the name of its folder in the corpus.
        parse: Parses the input, and asserts what the parser guarantees of the result.
        refusals: The errors that are documented for bad input.
    """

    name: str
    parse: Parse
    refusals: tuple[type[Exception], ...]

    def accepts(self, data: bytes) -> bool:
        """Whether the input was parsed rather than refused; any other error is a finding."""
        try:
            self.parse(data)
        except self.refusals:
            return False
        return True

    def seeds(self) -> dict[str, bytes]:
        """The corpus: file name to content."""
        return {path.name: path.read_bytes() for path in sorted((CORPUS / self.name).iterdir())}


TARGETS: dict[str, Target] = {}


def target(*refusals: type[Exception]) -> Callable[[Parse], Parse]:
    """Register a function as the target of its name."""

    def register(parse: Parse) -> Parse:
        TARGETS[parse.__name__] = Target(parse.__name__, parse, refusals)
        return parse

    return register
