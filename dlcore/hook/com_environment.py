"""The variables of a task sequence by ``Microsoft.SMS.TSEnvironment``, the COM object of Windows.

It is called late bound, by the names of its members, as scripts call it.

Source: Microsoft Learn, "How to use task sequence variables in a running task sequence", for its
members ``Value`` and ``GetVariables``.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from dlcore.hook.environment import EnvironmentUnavailableError

PROGRAM_ID: Final = "Microsoft.SMS.TSEnvironment"

if sys.platform == "win32":
    import winreg

    def is_registered() -> bool:
        """Whether this machine has the object: a task sequence runs, or the client is installed."""
        try:
            winreg.CloseKey(winreg.OpenKey(winreg.HKEY_CLASSES_ROOT, PROGRAM_ID))
        except OSError:
            return False
        return True

    class ComEnvironment:
        """Implements `TaskSequenceEnvironment` over the object.

        Raises:
            EnvironmentUnavailableError: The object cannot be made: no task sequence runs, or
                comtypes is not installed.
        """

        def __init__(self) -> None:
            try:
                from comtypes.client import CreateObject
            except ImportError:
                raise EnvironmentUnavailableError(
                    "the variables of the task sequence cannot be read: comtypes is not installed",
                    remedy="Install dlcore-engine[hook].",
                ) from None
            try:
                # Its proxy would guess at members; what lies below it is the plain IDispatch.
                self._object: Any = CreateObject(PROGRAM_ID, dynamic=True)._comobj
                self._value, self._list = (
                    self._object.GetIDsOfNames(name)[0] for name in ("Value", "GetVariables")
                )
            except (OSError, AttributeError) as error:
                raise _unavailable(error) from None

        def get(self, name: str) -> str:
            """The value of a variable; empty if there is none of that name."""
            from comtypes.automation import DISPATCH_PROPERTYGET

            found = self._call(self._value, name, kind=DISPATCH_PROPERTYGET)
            return found if isinstance(found, str) else ""

        def set(self, name: str, value: str) -> None:
            """Set a variable; an empty value removes it."""
            from comtypes.automation import DISPATCH_PROPERTYPUT

            self._call(self._value, name, value, kind=DISPATCH_PROPERTYPUT)

        def names(self) -> tuple[str, ...]:
            """The names of all variables."""
            from comtypes.automation import DISPATCH_METHOD

            found = self._call(self._list, kind=DISPATCH_METHOD)
            return tuple(name for name in found or () if isinstance(name, str))

        def _call(self, member: int, *arguments: str, kind: int) -> Any:
            try:
                return self._object.Invoke(member, *arguments, _invkind=kind)
            except OSError as error:
                raise _unavailable(error) from None

    def _unavailable(error: Exception) -> EnvironmentUnavailableError:
        """The error for a failed call; its number only, since a text may quote a value."""
        number = getattr(error, "hresult", None) or getattr(error, "winerror", None) or 0
        return EnvironmentUnavailableError(
            f"{PROGRAM_ID} cannot be used (0x{int(number) & 0xFFFFFFFF:08X})",
            remedy="It can be used while a task sequence runs, by an administrator.",
        )
