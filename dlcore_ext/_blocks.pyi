from collections.abc import Iterable
from typing import Final, Literal, Self

from typing_extensions import Buffer, disjoint_base

CAN_WRITE: Final[bool]

def backends() -> tuple[str, ...]: ...
def backend() -> str: ...
def use_backend(name: str) -> None: ...
def block_digests(
    data: Buffer, block_bytes: int, algorithm: Literal["sha256", "xxh3_128"] = "sha256"
) -> bytes: ...

@disjoint_base
class Job:
    def __new__(
        cls, runs: list[tuple[Buffer, int, Buffer, Iterable[tuple[int, int, int]]]]
    ) -> Self: ...
    def write(self, min_bytes: int) -> list[tuple[tuple[int, ...], bytes, int]]: ...
