"""An embedded content-enabled cloud management gateway and cloud distribution point.

For demonstrations and tests only. It serves a published folder as a real service would: over
HTTPS, with tokens and signed locations that expire, ranged reads as in Azure Blob Storage, and a
link with limited bandwidth and some latency. It can also serve the same folder as an on-premises
distribution point: with anonymous access, with Windows authentication, and with client
certificates. ``docs/emulator.md`` says what is like the real services and what is not.

    async with Emulator(folder, Settings(bandwidth_bytes_per_s=25e6), state=state) as emulator:
        print(emulator.url, emulator.ca_file, emulator.registration_token_file)
"""

from __future__ import annotations

from dlcore.emulator.accounts import Accounts
from dlcore.emulator.client_certificates import ClientCertificates
from dlcore.emulator.counters import Counters, Counts
from dlcore.emulator.emulator import Emulator
from dlcore.emulator.settings import Settings

__all__ = ["Accounts", "ClientCertificates", "Counters", "Counts", "Emulator", "Settings"]
