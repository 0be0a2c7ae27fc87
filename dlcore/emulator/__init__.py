"""An embedded content-enabled cloud management gateway and cloud distribution point.

For demonstrations and tests, never for production. Serves a published folder the way clients
meet the real thing: HTTPS, tokens that expire, exact signed locations that expire, ranged reads
as at Azure Blob Storage, a limited and distant link; and on request an on-premises distribution
point over the same folder. ``docs/emulator.md`` says what is like the real thing and what is not.

    async with Emulator(folder, Settings(bandwidth_bytes_per_s=25e6), state=state) as emulator:
        print(emulator.url, emulator.ca_file, emulator.registration_token_file)
"""

from __future__ import annotations

from dlcore.emulator.counters import Counters, Counts
from dlcore.emulator.emulator import Emulator
from dlcore.emulator.settings import Settings

__all__ = ["Counters", "Counts", "Emulator", "Settings"]
