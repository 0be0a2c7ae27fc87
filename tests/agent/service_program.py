"""A program that Windows starts as a service, for the tests: it says what happens, in a file.

``service_program.py MARK NAME FILE [EXIT STATUS]``; with a status, it ends at once.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

if sys.platform == "win32":
    from dlcore.agent.system.windows_service import served

    def main(name: str, file: str, status: int | None) -> int:
        def say(text: str) -> None:
            with open(file, "a", encoding="utf-8") as told:  # noqa: PTH123
                print(text, file=told)

        with served(name) as service:  # before all that takes time: Windows waits for seconds only
            try:
                say(f"arguments {sys.argv[4:]!r}")
                if status is None:
                    asyncio.run(work(say))
                    status = 0
            except BaseException as error:
                say(f"failed {error!r}")
                status = 71
            finally:
                service.stopped(status or 0)
            say(f"ended {status}")
        return status or 0

    async def work(say: Callable[[str], None]) -> None:
        """Wait to be asked to end, as the agent does."""
        from dlcore.agent.system.service_manager import service_manager

        loop = asyncio.get_running_loop()
        is_over = asyncio.Event()
        signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(is_over.set))
        service_manager().ready()
        say("ready")
        await is_over.wait()

    if __name__ == "__main__":
        status = int(sys.argv[4]) if sys.argv[4:] and sys.argv[4].isdecimal() else None
        sys.exit(main(sys.argv[2], sys.argv[3], status))
