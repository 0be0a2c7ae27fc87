"""Whether the network of a Windows machine is paid for by volume, as Windows knows it.

The Network List Manager is a COM object. Its methods are called by their place in the table of its
interface, so that nothing but ctypes is needed.

Sources: Microsoft Learn, "INetworkCostManager interface", "NLM_CONNECTION_COST enumeration";
``netlistmgr.h`` for the identifiers and the order of the methods.
"""

from __future__ import annotations

import ctypes
import sys
import uuid
from typing import Any, Final

UNKNOWN: Final = 0x0
UNRESTRICTED: Final = 0x1
FIXED: Final = 0x2
VARIABLE: Final = 0x4
OVER_DATA_LIMIT: Final = 0x10000
ROAMING: Final = 0x40000
_METERED: Final = FIXED | VARIABLE | OVER_DATA_LIMIT | ROAMING

_LIST_MANAGER: Final = uuid.UUID("DCB00C01-570F-4A9B-8D69-199FDBA5723B")
_COST_MANAGER: Final = uuid.UUID("DCB00008-570F-4A9B-8D69-199FDBA5723B")
_ALL_CONTEXTS: Final = 0x17  # CLSCTX_ALL
_MULTITHREADED: Final = 0x0  # COINIT_MULTITHREADED
_CHANGED_MODE: Final = 0x80010106  # RPC_E_CHANGED_MODE: COM is there, in another mode
_RELEASE: Final = 2  # place of IUnknown::Release
_GET_COST: Final = 3  # place of INetworkCostManager::GetCost


def is_metered_cost(cost: int) -> bool:
    """Whether a cost, as Windows tells it, means that the network is paid for by volume.

    Raises:
        OSError: Windows does not know.
    """
    if cost & _METERED:
        return True
    if cost & UNRESTRICTED:
        return False
    raise OSError("Windows does not know whether the network is metered")


def network_cost() -> int:
    """The cost of the way to the internet: flags of NLM_CONNECTION_COST.

    Raises:
        OSError: Windows does not tell.
    """
    if sys.platform == "win32":
        ole = ctypes.WinDLL("ole32")
        begun = ole.CoInitializeEx(None, _MULTITHREADED) & 0xFFFFFFFF
        try:
            return _ask(ole)
        finally:
            if begun != _CHANGED_MODE:
                ole.CoUninitialize()
    raise OSError("this system is not Windows")


if sys.platform == "win32":

    def _ask(ole: Any) -> int:
        manager = ctypes.c_void_p()
        _check(
            ole.CoCreateInstance(
                _LIST_MANAGER.bytes_le,
                None,
                _ALL_CONTEXTS,
                _COST_MANAGER.bytes_le,
                ctypes.byref(manager),
            )
        )
        pointer = ctypes.POINTER(ctypes.c_void_p)
        methods = ctypes.cast(ctypes.cast(manager, pointer)[0] or 0, pointer)
        get_cost = ctypes.WINFUNCTYPE(
            ctypes.c_long, ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint32), ctypes.c_void_p
        )(methods[_GET_COST] or 0)
        release = ctypes.WINFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)(methods[_RELEASE] or 0)
        cost = ctypes.c_uint32()
        try:
            _check(get_cost(manager, ctypes.byref(cost), None))
        finally:
            release(manager)
        return cost.value

    def _check(code: int) -> None:
        if code < 0:
            raise OSError(
                f"Windows does not tell the cost of the network (0x{code & 0xFFFFFFFF:08X})"
            )
