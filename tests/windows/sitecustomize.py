"""Spares every Python under Wine two things that take most of a second; it is read at each start.

`platform` runs ``cmd /c ver``, and `ssl` asks for Windows' authorities, which Wine makes anew in
every process of those of Linux. aiohttp does both when it is imported. No test needs the answers:
the version is that of any Windows 10, and Wine does not check certificates.
"""

import platform
import ssl

platform._syscmd_ver = lambda *_, **__: ("Microsoft Windows", "10", "10.0.19045")  # type: ignore[attr-defined]
ssl.enum_certificates = lambda store_name: []  # type: ignore[attr-defined]
