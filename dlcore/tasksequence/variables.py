"""Task sequence variables: names that ignore case, values that may quote other variables.

Guarantees: looking a name up ignores case, listing gives it as it was first written; `expand`
always ends and adds no more than `MAX_EXPANDED_CHARACTERS`. Values may be passwords, so no message
or ``repr`` here contains one, and `masked` hides the secret ones in any text. Not for the operating
system's environment: a ``%windir%`` that no variable answers stays as it is, for the shell that
runs the command.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Final, NamedTuple, TypeVar, overload

from dlcore.errors import TaskSequenceError

T = TypeVar("T")

MAX_EXPANDED_CHARACTERS = 1 << 20  # the engine's whole environment is documented as 8 KB
MIN_MASKED_CHARACTERS: Final = 4
"""Shorter secrets are not masked: they occur in ordinary text, and the gaps would tell them."""

MASK: Final = "***"

_HIDDEN = """
    OSDBITLOCKERPIN OSDBITLOCKERRECOVERYPASSWORD OSDBITLOCKERSTARTUPKEY OSDCAPTUREACCOUNTPASSWORD
    OSDJOINPASSWORD OSDLOCALADMINPASSWORD OSDMIGRATELOCALACCOUNTPASSWORD OSDPRODUCTKEY
    OSDUPGRADEOSPRODUCTKEY SMSCONNECTNETWORKFOLDERPASSWORD SMSTSRUNCOMMANDLINEUSERPASSWORD
    SMSTSRUNPOWERSHELLUSERPASSWORD
"""
SECRET_NAMES: Final = frozenset(_HIDDEN.split())
"""Variables that are always secret, in upper case.

Source: Microsoft Learn, "Task sequence variables": those that hold a password, a PIN or a key.
"""


class Part(NamedTuple):
    """One part of an expanded text.

    Attributes:
        text: The characters.
        name: The variable whose value they are, as the text spells it; empty for the text's own.
    """

    text: str
    name: str = ""


class FrozenVariables(Mapping[str, str]):
    """Variables that do not change.

    Args:
        values: Names and values; of names that differ only in case the last one counts. If they
            are such variables themselves, what is marked as secret there is marked here.
    """

    __slots__ = ("_marked", "_named")

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._marked: set[str] = set()
        self._named: dict[str, tuple[str, str]] = {}
        for name, value in (values or {}).items():
            self._named[name.upper()] = (self._spelling(name), value)
        if isinstance(values, FrozenVariables):
            self._marked |= values._marked

    def _spelling(self, name: str) -> str:
        return self._named.get(name.upper(), (name, ""))[0]

    def __getitem__(self, name: str) -> str:
        try:
            return self._named[name.upper()][1]
        except KeyError:
            raise KeyError(name) from None

    @overload
    def get(self, key: str, default: None = None, /) -> str | None: ...
    @overload
    def get(self, key: str, default: str, /) -> str: ...
    @overload
    def get(self, key: str, default: str | T, /) -> str | T: ...
    def get(self, key: str, default: str | T | None = None, /) -> str | T | None:
        """The value of a variable, or ``default`` if there is none of that name."""
        found = self._named.get(key.upper())
        return default if found is None else found[1]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.upper() in self._named

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._named.values())

    def __len__(self) -> int:
        return len(self._named)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return _by_upper(self) == _by_upper(other)

    def __hash__(self) -> int:
        return hash(frozenset(_by_upper(self).items()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self)})"

    @property
    def secrets(self) -> frozenset[str]:
        """Names of the variables whose values are not to be shown; some may not be set now."""
        always = (name for name in self if name.upper() in SECRET_NAMES)
        return frozenset(self._spelling(name) for name in (*self._marked, *always))

    def secret_values(self) -> tuple[str, ...]:
        """What `masked` hides, the longest first: a secret may contain another one."""
        values = {self.get(name, "") for name in self.secrets}
        for value in tuple(values):
            with contextlib.suppress(TaskSequenceError):  # too long: it is used nowhere
                values.add(self.expand(value))  # what a text that quotes the secret becomes
        return tuple(
            sorted(
                (v for v in values if len(v) >= MIN_MASKED_CHARACTERS), key=lambda v: (-len(v), v)
            )
        )

    def masked(self, text: str) -> str:
        """A text with `MASK` in the place of each value that is not to be shown."""
        for value in self.secret_values():
            text = text.replace(value, MASK)
        return text

    def expand(self, text: str) -> str:
        """Replace each ``%NAME%`` by its value, and once more inside the value.

        Args:
            text: May hold any number of references. Unknown ones, those with white space, and
                those two levels deep are left as they are.

        Raises:
            TaskSequenceError: The values together are longer than `MAX_EXPANDED_CHARACTERS`.
        """
        if "%" not in text:
            return text
        return "".join(part.text for part in self.parts(text))

    def parts(self, text: str) -> list[Part]:
        """What `expand` puts together: the text's own parts and the values, in order.

        Args:
            text: As for `expand`.

        Returns:
            Parts that are not empty, except for the values of empty variables.

        Raises:
            TaskSequenceError: As `expand`.
        """
        return self._split(text, lambda value: "".join(p.text for p in self._split(value, str)))

    def _split(self, text: str, inside: Callable[[str], str]) -> list[Part]:
        parts: list[Part] = []
        own: list[str] = []
        added, at = 0, 0
        while at < len(text):
            opening = text.find("%", at)
            closing = text.find("%", opening + 1) if opening >= 0 else -1
            if closing < 0:
                break
            name = text[opening + 1 : closing]
            value = self.get(name) if _is_name(name) else None
            if value is None:
                own.append(text[at:closing])  # the closing sign may open the next name
                at = closing
                continue
            own.append(text[at:opening])
            parts += _own_part(own)
            own = []
            parts.append(Part(inside(value), name))
            at = closing + 1
            added += len(parts[-1].text)
            if added > MAX_EXPANDED_CHARACTERS:
                raise TaskSequenceError(
                    f"%{name[:60]}% expands a text by over {MAX_EXPANDED_CHARACTERS} characters",
                    remedy="Check the variables that it quotes.",
                )
        return [*parts, *_own_part([*own, text[at:]])]


class Variables(FrozenVariables, MutableMapping[str, str]):
    """Variables that steps set and read while the sequence runs.

    When a secret value is replaced or removed, the variables that contain it become secret: they
    would tell it otherwise.
    """

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # it changes, so it has no hash

    def __setitem__(self, name: str, value: str) -> None:
        self._keep_secret(name)
        self._named[name.upper()] = (self._spelling(name), value)

    def __delitem__(self, name: str) -> None:
        self._keep_secret(name)
        try:
            del self._named[name.upper()]
        except KeyError:
            raise KeyError(name) from None

    def _keep_secret(self, name: str) -> None:
        """The value of a variable is about to go, but copies of it may stay."""
        upper = name.upper()
        if upper not in self._marked and upper not in SECRET_NAMES:
            return
        value = self.get(name, "")
        if len(value) >= MIN_MASKED_CHARACTERS:
            self._marked.update(n for n, (_, held) in self._named.items() if value in held)

    def mark_secret(self, name: str) -> None:
        """The values of a variable, now and later, are not to be shown."""
        self._marked.add(name.upper())

    def freeze(self) -> FrozenVariables:
        """A copy that later changes do not reach."""
        return FrozenVariables(self)


def _own_part(pieces: Sequence[str]) -> list[Part]:
    text = "".join(pieces)
    return [Part(text)] if text else []


def _by_upper(values: Mapping[str, str]) -> dict[str, str]:
    return {str(name).upper(): value for name, value in values.items()}


_NONE = FrozenVariables()


def frozen(values: Mapping[str, str] | None) -> FrozenVariables:
    """``values`` with `FrozenVariables`' way of looking up; the same object if it has it."""
    if values is None:
        return _NONE
    return values if isinstance(values, FrozenVariables) else FrozenVariables(values)


def names_quoted(text: str) -> frozenset[str]:
    """Every name, in upper case, that expanding ``text`` might look up.

    A superset: a name between two percent signs counts even if no such variable exists.
    """
    return frozenset(name.upper() for name in text.split("%")[1:-1] if _is_name(name))


def _is_name(text: str) -> bool:
    """White space tells the ``%`` of a WMI pattern from one that quotes a variable."""
    return text.split() == [text]
