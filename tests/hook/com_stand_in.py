"""A stand-in for ``Microsoft.SMS.TSEnvironment`` under Wine, in a process of its own.

``python com_stand_in.py register FILE`` makes it known to the machine: any process can create it
then, and Wine starts ``python com_stand_in.py serve FILE`` for that. The variables are in the file.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

CLASS_ID = "{7B1F1A33-5E5D-4E57-9E0E-2B5B9C6B7A11}"
PROGRAM_ID = "Microsoft.SMS.TSEnvironment"
CLASSES = "Software\\Classes"

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT)] * (str(ROOT) not in sys.path)  # Wine starts it in a folder of its own

if sys.platform == "win32":
    import winreg

    import pythoncom
    import win32api
    import winerror
    from win32com.server import factory
    from win32com.server.exception import COMException

    from dlcore.hook.stand_in import VariablesInFile

    class TaskSequenceEnvironment:
        """The members of the object, late bound, as the DynamicPolicy of pywin32 calls them."""

        def _dynamic_(self, name: str, _: int, flags: int, arguments: tuple[Any, ...]) -> Any:
            variables = VariablesInFile(Path(sys.argv[2]))
            puts = flags & (pythoncom.DISPATCH_PROPERTYPUT | pythoncom.DISPATCH_PROPERTYPUTREF)
            if name.lower() == "value" and puts:
                return variables.set(arguments[0], arguments[1])
            if name.lower() == "value":
                return variables.get(arguments[0])
            if name.lower() == "getvariables":
                return list(variables.names())
            raise COMException(hresult=winerror.DISP_E_MEMBERNOTFOUND)

    def register(file: str) -> None:
        """Make the object known."""
        me = Path(__file__).absolute()
        root = f"{CLASSES}\\CLSID\\{CLASS_ID}"
        command = f'"{sys.executable}" "{me}" serve "{file}"'
        for key, value in {
            root: "stand-in",
            f"{root}\\LocalServer32": command,
            f"{root}\\ProgID": PROGRAM_ID,
            f"{root}\\PythonCOM": f"{me.stem}.TaskSequenceEnvironment",
            f"{root}\\PythonCOMPath": str(me.parent),
            f"{root}\\PythonCOMPolicy": "win32com.server.policy.DynamicPolicy",
            f"{CLASSES}\\{PROGRAM_ID}": PROGRAM_ID,
            f"{CLASSES}\\{PROGRAM_ID}\\CLSID": CLASS_ID,
        }.items():
            winreg.SetValue(winreg.HKEY_LOCAL_MACHINE, key, winreg.REG_SZ, value)

    def unregister() -> None:
        """Forget the object."""
        for key in (PROGRAM_ID, f"CLSID\\{CLASS_ID}"):
            _delete(f"{CLASSES}\\{key}")

    def _delete(key: str) -> None:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            below = [winreg.EnumKey(opened, n) for n in range(winreg.QueryInfoKey(opened)[0])]
        for name in below:
            _delete(f"{key}\\{name}")
        winreg.DeleteKey(winreg.HKEY_LOCAL_MACHINE, key)

    def serve() -> None:
        """Answer until nobody uses the object any more."""
        pythoncom.CoInitialize()
        registered = factory.RegisterClassFactories([CLASS_ID])
        pythoncom.EnableQuitMessage(win32api.GetCurrentThreadId())
        pythoncom.CoResumeClassObjects()
        pythoncom.PumpMessages()
        factory.RevokeClassFactories(registered)

    if __name__ == "__main__" and sys.argv[1] == "serve":
        serve()
